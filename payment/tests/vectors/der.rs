//! DER, and what only looks like it, by hand: nothing here is shared with the crate that the documents are for.

/// One TLV around the concatenation of `parts`.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [vec![tag], length(body.len()), body].concat()
}

fn length(length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let digits: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    match length {
        0..0x80 => vec![u8::try_from(length).unwrap()],
        _ => [vec![0x80 | u8::try_from(digits.len()).unwrap()], digits].concat(),
    }
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

/// A SET OF in the order that is given; see [`sorted`].
pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x31, parts)
}

/// The elements in DER's order (X.690, 11.6).
pub(crate) fn sorted<'a>(parts: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    parts
}

/// [n], constructed.
pub(crate) fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(0xA0 | number, parts)
}

/// INTEGER of big-endian bytes without a sign.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tlv(2, &[sign, &digits])
}

pub(crate) fn integer(value: u64) -> Vec<u8> {
    unsigned(&value.to_be_bytes())
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut body = base128(40 * arcs[0] + arcs[1]);
    body.extend(arcs[2..].iter().flat_map(|arc| base128(*arc)));
    tlv(6, &[&body])
}

fn base128(mut arc: u64) -> Vec<u8> {
    let mut digits = vec![u8::try_from(arc & 0x7F).unwrap()];
    while arc >= 0x80 {
        arc >>= 7;
        digits.insert(0, 0x80 | u8::try_from(arc & 0x7F).unwrap());
    }
    digits
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, &[bytes])
}

pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes])
}

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    tlv(1, &[&[if value { 0xFF } else { 0 }]])
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0C, &[text.as_bytes()])
}

pub(crate) fn printable(text: &str) -> Vec<u8> {
    tlv(0x13, &[text.as_bytes()])
}

/// "20260601080000Z" as it is.
pub(crate) fn generalized(time: &str) -> Vec<u8> {
    tlv(0x18, &[time.as_bytes()])
}

/// UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5).
pub(crate) fn time(time: &str) -> Vec<u8> {
    if time < "2050" { tlv(0x17, &[&time.as_bytes()[2..]]) } else { generalized(time) }
}

/// PEM, one section for each of the DERs.
pub(crate) fn pem(label: &str, ders: &[&[u8]]) -> Vec<u8> {
    let section = |der: &&[u8]| {
        let text = base64(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    ders.iter().map(section).collect::<String>().into_bytes()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let word = chunk.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        let digit = |place: usize| {
            if place > chunk.len() { '=' } else { char::from(DIGITS[word >> (18 - 6 * place) & 63]) }
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}
