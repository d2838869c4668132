//! Hosts that send anything.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Call {
    Control([u8; 8], Vec<u8>),
    Out(u8, Vec<u8>),
    In(u8, usize),
    Interrupt(u8, usize),
    Tick(u64),
    Press(bool),
    Work(bool),
    Attach,
    Unplug,
}

/// Messages that pass the first check more often than random bytes would.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![4 => Just(0x6Fu8), 1 => 0x60u8..0x74, 1 => any::<u8>()];
    let level = prop_oneof![4 => Just(0u16), 2 => 0u16..4, 1 => Just(0x10), 1 => any::<u16>()];
    let slot = prop_oneof![9 => Just(0u8), 1 => any::<u8>()];
    let header = prop_oneof![
        Just(hex!("00A40400 05 A000000308 00").to_vec()),
        Just(hex!("00A40400 06 F05553484945 00").to_vec()),
        Just(hex!("00200080 06 313335373930").to_vec()),
        Just(hex!("00CB3FFF 03 5C017E 01").to_vec()),
        Just(hex!("00CB3FFF 03 5C017E").to_vec()),
        Just(hex!("10DB3FFF 04 5C017E53").to_vec()),
        Just(hex!("00C00000 00").to_vec()),
        Just(hex!("80F20000 00").to_vec()),
        Just(hex!("80460050 03 800111 00").to_vec()),
        Just(hex!("802A0000 02 3000 00").to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 3000..3072),
    ];
    (kind, slot, any::<u8>(), level, header, 0u8..20).prop_map(|(kind, slot, sequence, level, data, lie)| {
        let [low, high] = level.to_le_bytes();
        let mut out = Vec::new();
        ToReader { kind, slot, sequence: sequence % 4, specific: [0, low, high], data: &data }
            .encode(&mut out);
        if lie == 0 {
            out[1] ^= sequence; // dwLength
        }
        out
    })
}

fn call() -> impl Strategy<Value = Call> {
    let known = prop_oneof![
        Just(hex!("0009 0100 0000 0000")),
        Just(hex!("0201 0000 0100 0000")),
        Just(hex!("0203 0000 8200 0000")),
        Just(hex!("0201 0000 8200 0000")),
        Just(hex!("2101 0001 0000 0000")),
        Just(hex!("2101 0002 0000 0000")),
        any::<[u8; 8]>(),
    ];
    prop_oneof![
        2 => (known, prop::collection::vec(any::<u8>(), 0..9)).prop_map(|(setup, data)| Call::Control(setup, data)),
        8 => message().prop_map(|data| Call::Out(1, data)),
        1 => (any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(at, data)| Call::Out(at % 4, data)),
        8 => (prop_oneof![9 => Just(2u8), 1 => any::<u8>()], prop_oneof![Just(64usize), Just(4096), 0usize..80])
            .prop_map(|(at, max)| Call::In(at, max)),
        1 => (Just(3u8), 0usize..9).prop_map(|(at, max)| Call::Interrupt(at, max)),
        2 => (0u64..40_000).prop_map(Call::Tick),
        1 => any::<bool>().prop_map(Call::Press),
        3 => any::<bool>().prop_map(Call::Work),
        1 => Just(Call::Attach),
        1 => Just(Call::Unplug),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever a host sends, nothing panics. An IN transfer is never longer than asked, and the memory of the reader
    /// is bounded.
    #[test]
    fn any_host(calls in prop::collection::vec(call(), 0..60), prepared: bool) {
        let mut token = if prepared { ready().token } else { factory_token() };
        let (mut now, mut late) = (0, None);
        for call in calls {
            match call {
                Call::Control(setup, data) => {
                    let setup = Setup::parse(setup);
                    if let Ok(answer) = token.control(setup, &data) {
                        prop_assert!(answer.len() <= usize::from(setup.length));
                    }
                }
                Call::Out(at, data) => drop(token.bulk_out(at, &data)),
                Call::In(at, max) => {
                    let left = token.in_length(at).filter(|_| at == 2);
                    let answer = token.bulk_in(at, max);
                    let found = answer.clone().ok().flatten().map(|answer| answer.len());
                    // `in_length` takes numbers alone, and `bulk_in` an address with the direction bit, too.
                    if at & 0x80 == 0 {
                        prop_assert_eq!(found, left.map(|left| left.min(max)));
                    }
                    prop_assert!(answer.is_err() || answer.unwrap().is_none_or(|answer| answer.len() <= max));
                }
                Call::Interrupt(at, max) => {
                    let answer = token.interrupt_in(at, max);
                    prop_assert!(answer.is_err() || answer.unwrap().is_none_or(|answer| answer.len() <= max));
                }
                Call::Tick(later) => {
                    now += later;
                    if let Some(next) = token.tick(Millis(now)) {
                        prop_assert!(next >= Millis(now) && next <= Millis(now + 1_000));
                    }
                }
                Call::Press(ok) => token.panel().pressed.push_back(if ok { Button::Ok } else { Button::Cancel }),
                Call::Work(keep) => {
                    if let Some(late) = late.take() {
                        token.finish(late);
                    }
                    if let Some(job) = token.job() {
                        let finished = job.run();
                        if keep { late = Some(finished) } else { token.finish(finished) }
                    }
                }
                Call::Attach => token.attach(),
                Call::Unplug => token.unplug(),
            }
            prop_assert!(token.reader.held() < 128 * 1024, "{} bytes", token.reader.held());
        }
    }
}
