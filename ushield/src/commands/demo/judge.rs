//! The commands with which a program that is not ours checks what the demo leaves.

use wire::algorithm::KeyAlgorithm;

/// The identifier of whoever signs, where nobody names another one (GM/T 0009, clause 10). OpenSSL takes the empty one unless told.
const IDENTIFIER: &str = "distid:1234567812345678";

/// The commands for the files in the folder `name`, whose payment is `document` over `order`.
pub(super) fn commands(algorithm: KeyAlgorithm, name: &str, order: &[u8], document: &[u8]) -> Vec<String> {
    let compare = format!("cmp {name}/verified.der {name}/order.der");
    match offsets(order, document) {
        // `openssl cms` has no option for the identifier. So it takes the document apart, and checks each signature by itself.
        Some([content, signature]) if algorithm == KeyAlgorithm::Sm2 => {
            let part = |offset: usize, file: &str| {
                format!(
                    "openssl asn1parse -inform DER -in {name}/payment.cms -strparse {offset} -noout -out {name}/{file}"
                )
            };
            vec![
                part(content, "verified.der"),
                compare,
                part(signature, "signature.der"),
                format!("openssl x509 -in {name}/cert.pem -noout -pubkey -out {name}/payer.pem"),
                format!(
                    "openssl pkeyutl -verify -pubin -inkey {name}/payer.pem -in {name}/verified.der -sigfile {name}/signature.der -rawin -digest \
                     sm3 -pkeyopt {IDENTIFIER}"
                ),
                format!("openssl verify -vfyopt {IDENTIFIER} -CAfile {name}/ca.pem {name}/cert.pem"),
            ]
        }
        _ => vec![
            format!(
                "openssl cms -verify -inform DER -in {name}/payment.cms -CAfile {name}/ca.pem -purpose any -out {name}/verified.der"
            ),
            compare,
            format!("openssl verify -CAfile {name}/ca.pem {name}/cert.pem"),
        ],
    }
}

/// Where the OCTET STRINGs of the content and of the signature begin in the document (RFC 5652, 5.1 to 5.3). The content is the order,
/// and the signature is the document's end, because the document has no attributes.
fn offsets(order: &[u8], document: &[u8]) -> Option<[usize; 2]> {
    let content = document.windows(order.len()).position(|window| window == order)?;
    // Tag and length: 2 bytes, and up to 2 more for a length over 127.
    let more = match order.len() {
        0..=0x7F => 2,
        0x80..=0xFF => 3,
        _ => 4,
    };
    // A signature is SEQUENCE { r, s } of 72 bytes at most, in an OCTET STRING whose length is one byte.
    let signature = (8..=72).map(|length| document.len().checked_sub(length + 2)).find_map(|at| {
        let at = at?;
        let rest = document.get(at..)?;
        let is_last = matches!(rest, [0x04, length, 0x30, inner, ..]
            if usize::from(*length) + 2 == rest.len() && usize::from(*inner) + 4 == rest.len());
        is_last.then_some(at)
    })?;
    Some([content.checked_sub(more)?, signature])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_document_are_where_they_stand() {
        let order = [0x30; 200];
        let signature = [&[0x04, 8, 0x30, 6][..], b"\x02\x01\x05\x02\x01\x06"].concat();
        let document = [&[9; 7][..], &[0x04, 0x81, 200], &order, b"between", &signature].concat();
        let [content, at] = offsets(&order, &document).unwrap();
        assert_eq!((document[content], &document[at..]), (0x04, &signature[..]));
        assert_eq!(offsets(&order, &document[..document.len() - 1]), None);
    }
}
