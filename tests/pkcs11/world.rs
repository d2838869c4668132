//! A token with keys of each kind on a USB/IP server, the library loaded, and the right arguments for each function.

use std::{path::PathBuf, sync::OnceLock};

use cryptoki_sys as ck;
use firmware::fixture::{Holder, SharedFlash as Flash};
use firmware::profile::Profile;
use libloading::Library;
use ushield_tests::{
    bench::{self, PIN, PUK},
    road::{Plugged, Road},
};

use crate::{
    call::{Call, Template, flag, number},
    proxy::Proxy,
};

/// CKA_EC_PARAMS of P-256.
pub const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// The library that Cargo built beside this test.
pub fn library() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().expect("a folder");
    folder.join("libushield_pkcs11.so")
}

/// The function list of the library, which is loaded once and stays loaded.
pub fn functions() -> *const ck::CK_FUNCTION_LIST {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        // SAFETY: our library runs nothing when it is loaded.
        unsafe { Library::new(library()) }
            .unwrap_or_else(|error| panic!("cargo build -p pkcs11 first: {error}"))
    });
    let mut list = std::ptr::null_mut();
    // SAFETY: the standard's name and type (5.4).
    let rv = unsafe {
        library
            .get::<unsafe extern "C" fn(*mut *mut ck::CK_FUNCTION_LIST) -> ck::CK_RV>(b"C_GetFunctionList\0")
            .expect("C_GetFunctionList")(&raw mut list)
    };
    assert_eq!(rv, ck::CKR_OK);
    list
}

/// A token on a server that the library finds. The library is finalized when this is dropped.
pub struct World {
    pub token: Plugged,
    pub proxy: Proxy,
    functions: *const ck::CK_FUNCTION_LIST,
}

impl World {
    /// The token with this flash. The library knows where the token is, and is not initialized.
    pub fn new(flash: &Flash) -> Self {
        Self::of(bench::profile(), flash)
    }

    /// As [`Self::new`], with a token of another brand.
    pub fn of(profile: Profile, flash: &Flash) -> Self {
        let holder = Holder::default();
        let token = Plugged::new(Road::UsbIp, profile, &flash.copy(), &holder);
        let Plugged::Exported(exported) = &token else { unreachable!("by USB/IP") };
        let proxy = Proxy::to(&exported.address());
        // SAFETY: the tests of this program run one after another, and no other thread reads the environment.
        unsafe { std::env::set_var("USHIELD_USBIP", proxy.address()) };
        Self { token, proxy, functions: functions() }
    }

    /// [`Self::new`], with the library initialized.
    pub fn initialized(flash: &Flash) -> Self {
        let world = Self::new(flash);
        world.call().must("C_Initialize");
        world
    }

    /// Right arguments without a session.
    pub fn call(&self) -> Call {
        Call::new(self.functions)
    }

    /// Right arguments in a new session.
    pub fn session(&self, writes: bool) -> Call {
        let mut call = self.call();
        if !writes {
            call.flags = ck::CKF_SERIAL_SESSION;
        }
        call.must("C_OpenSession");
        call.session = call.handle.get();
        call
    }

    /// Right arguments in a new session in which the user is logged in.
    pub fn user(&self) -> Call {
        let call = self.session(true);
        let login = Call { pin: Some(PIN.to_vec()), ..call.clone() };
        login.must("C_Login");
        call
    }

    /// Right arguments in a new session in which the officer is logged in.
    pub fn officer(&self) -> Call {
        let call = self.session(true);
        let login = Call { pin: Some(PUK.to_vec()), user: ck::CKU_SO, ..call.clone() };
        login.must("C_Login");
        call
    }

    /// The object of this class with this label.
    pub fn find(&self, call: &Call, class: ck::CK_OBJECT_CLASS, label: &str) -> ck::CK_OBJECT_HANDLE {
        let template = vec![(ck::CKA_CLASS, number(class)), (ck::CKA_LABEL, label.as_bytes().to_vec())];
        let search = Call { template, null: false, ..call.clone() };
        search.must("C_FindObjectsInit").must("C_FindObjects");
        let found = search.handle.get();
        search.must("C_FindObjectsFinal");
        assert_ne!(found, 0, "no {label}");
        found
    }

    pub fn private(&self, call: &Call, label: &str) -> ck::CK_OBJECT_HANDLE {
        self.find(call, ck::CKO_PRIVATE_KEY, label)
    }

    pub fn public(&self, call: &Call, label: &str) -> ck::CK_OBJECT_HANDLE {
        self.find(call, ck::CKO_PUBLIC_KEY, label)
    }

    /// A secret key in the session. The key's value may leave the library.
    pub fn secret(&self, call: &Call, more: Template) -> ck::CK_OBJECT_HANDLE {
        let mut template = secret_key();
        template.retain(|(kind, _)| more.iter().all(|(other, _)| other != kind));
        template.extend(more);
        Call { template, null: false, ..call.clone() }.must("C_CreateObject").handle.get()
    }

    /// The point of a public key.
    pub fn point(&self, call: &Call, label: &str) -> Vec<u8> {
        let object = self.public(call, label);
        self.value(call, object, ck::CKA_EC_POINT, 67)[2..].to_vec()
    }

    /// C_GetTokenInfo of the first slot.
    pub fn token_info(&self) -> ck::CK_TOKEN_INFO {
        let mut found = ck::CK_TOKEN_INFO::default();
        // SAFETY: the structure is there.
        let rv = unsafe { ((*self.functions).C_GetTokenInfo.expect("there"))(0, &raw mut found) };
        assert_eq!(rv, ck::CKR_OK);
        found
    }

    /// C_GetSessionInfo, or why there is none.
    pub fn session_info(&self, call: &Call) -> Result<ck::CK_SESSION_INFO, ck::CK_RV> {
        let mut found = ck::CK_SESSION_INFO::default();
        // SAFETY: the structure is there.
        let rv =
            unsafe { ((*self.functions).C_GetSessionInfo.expect("there"))(call.session, &raw mut found) };
        if rv == ck::CKR_OK { Ok(found) } else { Err(rv) }
    }

    /// The objects that fit a template, in their order. Each C_FindObjects asks for `stride` of them.
    pub fn objects(&self, call: &Call, template: Template, stride: usize) -> Vec<ck::CK_OBJECT_HANDLE> {
        let search = Call { template, ..call.clone() };
        search.must("C_FindObjectsInit");
        let mut all = vec![];
        loop {
            let mut some = vec![0; stride];
            let mut count = 0;
            let room = ck::CK_ULONG::try_from(stride).expect("few");
            // SAFETY: there is room for as many handles as are asked for.
            let rv = unsafe {
                ((*self.functions).C_FindObjects.expect("there"))(
                    call.session,
                    some.as_mut_ptr(),
                    room,
                    &raw mut count,
                )
            };
            assert_eq!(rv, ck::CKR_OK);
            some.truncate(usize::try_from(count).expect("few"));
            if some.is_empty() {
                break;
            }
            all.extend(some);
        }
        search.must("C_FindObjectsFinal");
        all
    }

    /// The value of an attribute, of whatever length.
    pub fn bytes(&self, call: &Call, object: ck::CK_OBJECT_HANDLE, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<u8> {
        self.ask(call, object, kind).unwrap_or_else(|rv| panic!("attribute {kind:#x}: {rv:#x}"))
    }

    /// As [`Self::bytes`], or the return value that says why there is none.
    pub fn ask(
        &self,
        call: &Call,
        object: ck::CK_OBJECT_HANDLE,
        kind: ck::CK_ATTRIBUTE_TYPE,
    ) -> Result<Vec<u8>, ck::CK_RV> {
        let mut value = vec![0_u8; 4096];
        let mut attribute =
            ck::CK_ATTRIBUTE { type_: kind, pValue: value.as_mut_ptr().cast(), ulValueLen: 4096 };
        // SAFETY: the attribute points at the value.
        let rv = unsafe {
            ((*self.functions).C_GetAttributeValue.expect("there"))(
                call.session,
                object,
                &raw mut attribute,
                1,
            )
        };
        if rv != ck::CKR_OK {
            return Err(rv);
        }
        value.truncate(usize::try_from(attribute.ulValueLen).expect("short"));
        Ok(value)
    }

    /// An attribute's value, which has this many bytes.
    pub fn value(
        &self,
        call: &Call,
        object: ck::CK_OBJECT_HANDLE,
        kind: ck::CK_ATTRIBUTE_TYPE,
        length: usize,
    ) -> Vec<u8> {
        let mut value = vec![0_u8; length];
        let mut attribute = ck::CK_ATTRIBUTE {
            type_: kind,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: ck::CK_ULONG::try_from(length).expect("short"),
        };
        // SAFETY: the attribute points at the value.
        let rv = unsafe {
            ((*self.functions).C_GetAttributeValue.expect("there"))(
                call.session,
                object,
                &raw mut attribute,
                1,
            )
        };
        assert_eq!((rv, usize::try_from(attribute.ulValueLen)), (ck::CKR_OK, Ok(length)));
        value
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.call().call("C_Finalize");
    }
}

pub fn secret_key() -> Template {
    vec![
        (ck::CKA_CLASS, number(ck::CKO_SECRET_KEY)),
        (ck::CKA_KEY_TYPE, number(ck::CKK_GENERIC_SECRET)),
        (ck::CKA_VALUE, b"a secret of a session".to_vec()),
    ]
}

pub fn data_object(label: &str, token: bool, private: bool) -> Template {
    vec![
        (ck::CKA_CLASS, number(ck::CKO_DATA)),
        (ck::CKA_TOKEN, flag(token)),
        (ck::CKA_PRIVATE, flag(private)),
        (ck::CKA_LABEL, label.as_bytes().to_vec()),
        (ck::CKA_VALUE, b"value".to_vec()),
    ]
}

/// Both templates of a new key pair.
pub fn pair(label: &str, rsa: bool, more: Template) -> (Template, Template) {
    let public = if rsa {
        vec![(ck::CKA_MODULUS_BITS, number(2048))]
    } else {
        vec![(ck::CKA_EC_PARAMS, P256.to_vec())]
    };
    let mut private = vec![(ck::CKA_TOKEN, flag(true)), (ck::CKA_LABEL, label.as_bytes().to_vec())];
    private.extend(more);
    (public, private)
}

/// A token with these keys: `ec` and `rsa` do all that their kinds can; `signer` (P-256) and `rsa signer` only sign; `agreer`
/// only agrees; `always` and `rsa always` want the PIN each time. Beside them stand `public data` and `private data`.
pub fn furnish() -> Flash {
    let flash = Flash::default();
    let holder = Holder::default();
    drop(bench::manufacture(bench::profile(), Some(PIN), &flash, &holder));
    let token = Plugged::new(Road::UsbIp, bench::profile(), &flash, &holder);
    let Plugged::Exported(exported) = &token else { unreachable!("by USB/IP") };
    let proxy = Proxy::to(&exported.address());
    // SAFETY: as in `World::new`.
    unsafe { std::env::set_var("USHIELD_USBIP", proxy.address()) };
    let world = World { token, proxy, functions: functions() };
    world.call().must("C_Initialize");
    let user = world.user();
    let keys: [(&str, bool, Template); 7] = [
        ("ec", false, vec![]),
        ("signer", false, vec![(ck::CKA_SIGN, flag(true))]),
        ("agreer", false, vec![(ck::CKA_DERIVE, flag(true))]),
        ("always", false, vec![(ck::CKA_ALWAYS_AUTHENTICATE, flag(true))]),
        ("rsa", true, vec![]),
        ("rsa signer", true, vec![(ck::CKA_SIGN, flag(true))]),
        ("rsa always", true, vec![(ck::CKA_ALWAYS_AUTHENTICATE, flag(true))]),
    ];
    for (label, rsa, more) in keys {
        let (template, private) = pair(label, rsa, more);
        let mechanism = if rsa { ck::CKM_RSA_PKCS_KEY_PAIR_GEN } else { ck::CKM_EC_KEY_PAIR_GEN };
        Call { mechanism, template, private, ..user.clone() }.must("C_GenerateKeyPair");
    }
    for (label, private) in [("public data", false), ("private data", true)] {
        Call { template: data_object(label, true, private), ..user.clone() }.must("C_CreateObject");
    }
    drop(world);
    flash
}
