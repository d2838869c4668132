//! PINs that change while the library keeps the former PIN.

use cryptoki_sys as ck;
use firmware::fixture::{Holder, SharedFlash as Flash};
use host_driver::{Exporter, Listen};
use reader::{Config, Service};
use tokio::runtime::Builder;
use ushield_tests::bench::{self, PIN, PUK};

use card::{Card, road, shield::Shield};
use wire::apdu::{Command, StatusWord};

use crate::{
    call::Call,
    world::{World, functions},
};

const NEW_PIN: &[u8] = b"246802";
const NEW_PUK: &[u8] = b"97531246";

/// Runs all of them.
pub fn all(flash: &Flash) {
    the_new_pin_is_verified_after_set_pin(flash);
    what_another_program_changed_costs_one_try(flash);
}

fn signing(user: &Call, key: ck::CK_OBJECT_HANDLE) -> Call {
    Call { key, mechanism: ck::CKM_ECDSA_SHA256, data: b"message".to_vec(), ..user.clone() }
}

/// After C_SetPIN the user stays logged in, with the new PIN, for keys of both kinds.
fn the_new_pin_is_verified_after_set_pin(flash: &Flash) {
    let world = World::initialized(flash);
    let user = world.user();
    let (once, always) = (world.private(&user, "ec"), world.private(&user, "always"));
    Call { pin: Some(PIN.to_vec()), new_pin: Some(NEW_PIN.to_vec()), ..user.clone() }.must("C_SetPIN");
    signing(&user, once).must("C_SignInit").must("C_Sign");
    let call = signing(&user, always);
    call.must("C_SignInit");
    let context = Call { user: ck::CKU_CONTEXT_SPECIFIC, pin: Some(NEW_PIN.to_vec()), ..user.clone() };
    let former = Call { pin: Some(PIN.to_vec()), ..context.clone() };
    assert_eq!(former.call("C_Login"), ck::CKR_PIN_INCORRECT);
    context.must("C_Login");
    call.must("C_Sign");
    signing(&user, once).must("C_SignInit").must("C_Sign");
}

/// This program and another program share the token behind a reader.
fn what_another_program_changed_costs_one_try(flash: &Flash) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let _context = runtime.enter();
    let listen = Listen { address: ([127, 0, 0, 1], 0).into(), ..Listen::default() };
    let exporter = runtime.block_on(Exporter::start(listen)).expect("a server");
    let token = bench::open(bench::profile(), &flash.copy(), &Holder::default());
    exporter.plug(token, None).expect("plugged in");
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        socket: folder.path().join("pcscd.comm"),
        usbip: Some(exporter.local_addr().to_string()),
        ..Config::default()
    };
    let service = Service::start(config).expect("a reader");
    let socket = service.socket().to_owned();
    // SAFETY: the tests of this program run one after another, and no other thread reads the environment.
    unsafe {
        std::env::set_var("PCSCLITE_CSOCK_NAME", &socket);
        std::env::remove_var("USHIELD_USBIP");
    }
    let other = || -> Card {
        let selection = road::Selection { pcsc: Some(socket.clone()), ..road::Selection::default() };
        road::open(&selection).expect("shared")
    };
    let tries = || {
        let information =
            Shield::select(&mut other()).and_then(|mut shield| shield.information()).expect("told");
        [information.tries[0], information.tries[1]]
    };
    let call = Call::new(functions());
    call.must("C_Initialize");
    let session = |flags| {
        let call = Call { flags, ..call.clone() };
        call.must("C_OpenSession");
        Call { session: call.handle.get(), ..call }
    };
    let writes = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;

    // Each of two sessions has a key that wants the PIN each time, and the PIN was given for each. Then the PIN is
    // changed elsewhere.
    let [one, two] = [session(writes), session(writes)];
    Call { pin: Some(PIN.to_vec()), ..one.clone() }.must("C_Login");
    let find = |call: &Call, label: &str| {
        let template = vec![
            (ck::CKA_CLASS, crate::call::number(ck::CKO_PRIVATE_KEY)),
            (ck::CKA_LABEL, label.as_bytes().to_vec()),
        ];
        let search = Call { template, null: false, ..call.clone() };
        search.must("C_FindObjectsInit").must("C_FindObjects");
        let found = search.handle.get();
        search.must("C_FindObjectsFinal");
        found
    };
    let calls = [&one, &two].map(|session| {
        let call = signing(session, find(session, "always"));
        call.must("C_SignInit");
        Call { user: ck::CKU_CONTEXT_SPECIFIC, pin: Some(PIN.to_vec()), ..session.clone() }.must("C_Login");
        call
    });
    Shield::select(&mut other()).and_then(|mut shield| shield.change_pin(PIN, NEW_PIN)).expect("changed");
    assert_eq!(tries(), [6, 6]);
    for call in &calls {
        assert_ne!(call.call("C_Sign"), ck::CKR_OK);
    }
    let key = find(&one, "ec");
    if key != 0 && signing(&one, key).call("C_SignInit") == ck::CKR_OK {
        assert_ne!(signing(&one, key).call("C_Sign"), ck::CKR_OK);
    }
    assert_eq!(tries(), [5, 6], "what was kept was tried once");
    // The holder types the new PIN.
    Call { pin: Some(NEW_PIN.to_vec()), ..one.clone() }.must("C_Login");
    assert_eq!(tries(), [6, 6]);
    // The PIN is changed elsewhere once more. The holder's C_SetPIN gives the former PIN: again this costs one try in
    // all.
    Shield::select(&mut other()).and_then(|mut shield| shield.change_pin(NEW_PIN, PIN)).expect("changed");
    let change = Call { pin: Some(NEW_PIN.to_vec()), new_pin: Some(b"864213".to_vec()), ..one.clone() };
    assert_ne!(change.call("C_SetPIN"), ck::CKR_OK);
    find(&one, "ec");
    find(&two, "signer");
    assert_eq!(tries(), [5, 6]);
    let _ = one.call("C_Logout");

    // The officer's PUK is changed elsewhere.
    let officer = Call { user: ck::CKU_SO, pin: Some(PUK.to_vec()), ..one.clone() };
    officer.must("C_Login");
    Shield::select(&mut other()).and_then(|mut shield| shield.change_puk(PUK, NEW_PUK)).expect("changed");
    for _again in 0..3 {
        assert_ne!(Call { pin: Some(b"864213".to_vec()), ..one.clone() }.call("C_InitPIN"), ck::CKR_OK);
    }
    assert_eq!(tries(), [5, 5]);
    let _ = one.call("C_Logout");

    // The last session's end is a logout (v2.40, 5.6), although another program has the token open, too.
    Call { pin: Some(PIN.to_vec()), ..one.clone() }.must("C_Login");
    let mut beside = other();
    // VERIFY without data (SP 800-73-4 part 2, 3.2.1), to whichever applet is selected: both take the same bytes.
    let ask = Command::new(0x00, 0x20, 0x00, 0x80, &[]);
    let is_verified = |beside: &mut Card| beside.transmit(&ask).expect("answered").status == StatusWord::OK;
    assert!(is_verified(&mut beside), "the programs share the card");
    call.must("C_CloseAllSessions");
    assert!(!is_verified(&mut beside), "nobody signs on a PIN that another program was given");
    call.must("C_Finalize");
    // SAFETY: as above.
    unsafe { std::env::remove_var("PCSCLITE_CSOCK_NAME") };
    drop((service, exporter));
}
