//! A token whose PIN and PUK are both locked, and what RESET, as stock tools send it, makes of it.

use card::{Error, piv::Piv};
use ushield_tests::{
    scene::Scene,
    story::{No, Story},
};
use wire::apdu::{Command, StatusWord};

super::over_each_road!(a_locked_token_starts_afresh, a_personal_id_stays_locked_and_whole);

/// Somebody guesses until nothing is left to guess.
fn lock(token: &mut Story) {
    let mut piv = Piv::select(token.card()).expect("PIV");
    for left in (0..6).rev() {
        assert_eq!(piv.verify(b"000001").expect_err("a guess").tries(), Some(left));
    }
    for left in (0..6).rev() {
        let refused = piv.unblock(b"00000000", b"975310");
        assert!(matches!(refused, Err(Error::PukRefused(StatusWord(word))) if word == 0x63C0 + left));
    }
}

fn reset(token: &mut Story) -> Result<(), Error> {
    let mut piv = Piv::select(token.card()).expect("PIV");
    piv.card().data(&Command::new(0, 0xFB, 0, 0, &[])).map(drop)
}

/// A token without a payment key loses nothing that was not lost before. After RESET everybody knows the token's codes. Until both
/// are changed, the bank certifies nothing for the token.
fn a_locked_token_starts_afresh(scene: Scene) {
    let mut token = Story::new(scene);
    lock(&mut token);
    reset(&mut token).expect("a reset");
    token.mistype("12345678");
    let refused = token.try_enrol().unwrap_err();
    assert!(refused.contains("ushield pin change"), "{refused}");
    token.change_pin("12345678", "246813").succeeds();
    let refused = token.try_enrol().unwrap_err();
    assert!(refused.contains("ushield pin change --puk"), "{refused}");
    token.shield(|shield| shield.change_puk(b"12345678", b"31415926")).succeeds();
    token.enrol().succeeds();
    assert!(token.can_pay());
}

fn a_personal_id_stays_locked_and_whole(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let former = token.id();
    lock(&mut token);
    let refused = reset(&mut token);
    assert!(matches!(refused, Err(Error::Refused(StatusWord::CONDITIONS_NOT_SATISFIED))), "{refused:?}");
    assert_eq!(token.id(), former);
    token.verify("135790").refuses(No::PinBlocked);
    token.verify("12345678").refuses(No::PinBlocked);
    token.replug();
    assert_eq!(token.information().tries, [0, 0, 6, 6]);
}
