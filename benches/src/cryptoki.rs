//! A PKCS#11 module as a program has it: loaded by its path, called through its function list.

#![allow(unsafe_code, reason = "the C interface is called as C calls it")]

use std::{path::Path, ptr};

use anyhow::{Context, ensure};
use cryptoki_sys as ck;
use libloading::Library;

/// A key pair that signs.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    P256,
    P384,
    Rsa2048,
}

impl Kind {
    /// The key's label, by which it is found.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::P256 => b"bench",
            Self::P384 => b"bench P-384",
            Self::Rsa2048 => b"bench RSA",
        }
    }

    /// How the key is made, and the attribute that says which key.
    fn generation(self) -> (ck::CK_MECHANISM_TYPE, ck::CK_ATTRIBUTE) {
        const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
        const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
        const BITS: &[u8] = &(2048 as ck::CK_ULONG).to_ne_bytes();
        match self {
            Self::P256 => (ck::CKM_EC_KEY_PAIR_GEN, attribute(ck::CKA_EC_PARAMS, P256)),
            Self::P384 => (ck::CKM_EC_KEY_PAIR_GEN, attribute(ck::CKA_EC_PARAMS, P384)),
            Self::Rsa2048 => (ck::CKM_RSA_PKCS_KEY_PAIR_GEN, attribute(ck::CKA_MODULUS_BITS, BITS)),
        }
    }

    /// How the key signs, and how long its signatures are.
    const fn signing(self) -> (ck::CK_MECHANISM_TYPE, usize) {
        match self {
            Self::P256 => (ck::CKM_ECDSA, 64),
            Self::P384 => (ck::CKM_ECDSA, 96),
            Self::Rsa2048 => (ck::CKM_RSA_PKCS, 256),
        }
    }
}

/// A loaded module. It stays until the process ends.
#[derive(Clone, Copy)]
pub(crate) struct Module(&'static ck::CK_FUNCTION_LIST);

macro_rules! call {
    ($module:ident . $name:ident ( $($argument:expr),* $(,)? )) => {{
        let function = $module.0.$name.context(concat!("the module has no ", stringify!($name)))?;
        // SAFETY: the function is the module's, and each argument is null or points at memory that outlives the call.
        let rv = unsafe { function($($argument),*) };
        ensure!(rv == ck::CKR_OK, concat!(stringify!($name), " returned {:#x}"), rv);
    }};
}

impl Module {
    /// Loads the module.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        // SAFETY: a module is made to be loaded.
        let library = unsafe { Library::new(path) }.with_context(|| path.display().to_string())?;
        let library: &'static Library = Box::leak(Box::new(library));
        let mut list = ptr::null_mut();
        // SAFETY: the standard's name and type (v2.40, 5.4).
        let rv = unsafe {
            library.get::<unsafe extern "C" fn(*mut *mut ck::CK_FUNCTION_LIST) -> ck::CK_RV>(
                b"C_GetFunctionList\0",
            )?(&raw mut list)
        };
        ensure!(rv == ck::CKR_OK, "C_GetFunctionList returned {rv:#x}");
        // SAFETY: null, or the module's own list, which lives as long as the module.
        unsafe { list.as_ref() }.map(Self).context("no function list")
    }

    /// C_Initialize, for a program with threads.
    pub(crate) fn initialize(self) -> anyhow::Result<()> {
        let mut arguments = ck::CK_C_INITIALIZE_ARGS { flags: ck::CKF_OS_LOCKING_OK, ..Default::default() };
        call!(self.C_Initialize((&raw mut arguments).cast()));
        Ok(())
    }

    /// The slots with a token. The last slot of SoftHSM2 holds a token that is not initialized.
    pub(crate) fn slots(self) -> anyhow::Result<Vec<ck::CK_SLOT_ID>> {
        let mut slots = [0; 16];
        let mut count = slots.len() as ck::CK_ULONG;
        call!(self.C_GetSlotList(ck::CK_TRUE, slots.as_mut_ptr(), &raw mut count));
        Ok(slots.into_iter().take(count as usize).collect())
    }

    /// C_OpenSession.
    pub(crate) fn session(self, slot: ck::CK_SLOT_ID) -> anyhow::Result<Session> {
        let mut handle = 0;
        let flags = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;
        call!(self.C_OpenSession(slot, flags, ptr::null_mut(), None, &raw mut handle));
        Ok(Session { module: self, handle })
    }
}

/// A session with a token.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    module: Module,
    handle: ck::CK_SESSION_HANDLE,
}

impl Session {
    /// C_Login of the user.
    pub(crate) fn log_in(self, pin: &[u8]) -> anyhow::Result<()> {
        let (module, mut pin) = (self.module, pin.to_vec());
        call!(module.C_Login(self.handle, ck::CKU_USER, pin.as_mut_ptr(), pin.len() as ck::CK_ULONG));
        Ok(())
    }

    /// Makes the key that signs, on the token.
    pub(crate) fn generate(self, kind: Kind) -> anyhow::Result<()> {
        let (module, (generation, which)) = (self.module, kind.generation());
        let mut mechanism = mechanism(generation);
        let mut public = [
            attribute(ck::CKA_TOKEN, &[ck::CK_TRUE]),
            attribute(ck::CKA_VERIFY, &[ck::CK_TRUE]),
            which,
            attribute(ck::CKA_LABEL, kind.label()),
        ];
        let mut private = [
            attribute(ck::CKA_TOKEN, &[ck::CK_TRUE]),
            attribute(ck::CKA_PRIVATE, &[ck::CK_TRUE]),
            attribute(ck::CKA_SIGN, &[ck::CK_TRUE]),
            attribute(ck::CKA_LABEL, kind.label()),
        ];
        let (mut one, mut other) = (0, 0);
        call!(module.C_GenerateKeyPair(
            self.handle,
            &raw mut mechanism,
            public.as_mut_ptr(),
            public.len() as ck::CK_ULONG,
            private.as_mut_ptr(),
            private.len() as ck::CK_ULONG,
            &raw mut one,
            &raw mut other,
        ));
        Ok(())
    }

    /// Finds the key that signs.
    pub(crate) fn find(self, kind: Kind) -> anyhow::Result<Key> {
        let (module, class) = (self.module, ck::CKO_PRIVATE_KEY.to_ne_bytes());
        let mut template = [attribute(ck::CKA_CLASS, &class), attribute(ck::CKA_LABEL, kind.label())];
        let length = template.len() as ck::CK_ULONG;
        call!(module.C_FindObjectsInit(self.handle, template.as_mut_ptr(), length));
        let (mut object, mut found) = (0, 0);
        call!(module.C_FindObjects(self.handle, &raw mut object, 1, &raw mut found));
        call!(module.C_FindObjectsFinal(self.handle));
        ensure!(found == 1, "the token has no key of that label");
        Ok(Key { session: self, object, kind })
    }
}

/// A private key in a session.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    session: Session,
    object: ck::CK_OBJECT_HANDLE,
    kind: Kind,
}

impl Key {
    /// C_SignInit and C_Sign: raw ECDSA of a digest, or PKCS #1 over as many bytes.
    pub(crate) fn sign(self, digest: &[u8; 32]) -> anyhow::Result<()> {
        let (Session { module, handle }, (signing, wanted)) = (self.session, self.kind.signing());
        let (mut mechanism, mut digest) = (mechanism(signing), *digest);
        call!(module.C_SignInit(handle, &raw mut mechanism, self.object));
        let mut signature = [0; 256];
        let mut length = signature.len() as ck::CK_ULONG;
        call!(module.C_Sign(
            handle,
            digest.as_mut_ptr(),
            digest.len() as ck::CK_ULONG,
            signature.as_mut_ptr(),
            &raw mut length,
        ));
        ensure!(length as usize == wanted && signature != [0; 256], "a signature of {length} bytes");
        Ok(())
    }
}

fn mechanism(kind: ck::CK_MECHANISM_TYPE) -> ck::CK_MECHANISM {
    ck::CK_MECHANISM { mechanism: kind, pParameter: ptr::null_mut(), ulParameterLen: 0 }
}

/// The value is only read, whatever its type says.
fn attribute(kind: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> ck::CK_ATTRIBUTE {
    let length = value.len() as ck::CK_ULONG;
    ck::CK_ATTRIBUTE { type_: kind, pValue: value.as_ptr().cast_mut().cast(), ulValueLen: length }
}
