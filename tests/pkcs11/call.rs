//! One call of one function of the C interface, by its name, with arguments that are right until somebody changes them.

use std::{
    cell::{Cell, RefCell},
    ptr,
};

use cryptoki_sys as ck;

/// Attributes as a test writes them.
pub type Template = Vec<(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)>;

/// The bytes of a number.
pub fn number(value: ck::CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// The bytes of a truth value.
pub fn flag(value: bool) -> Vec<u8> {
    vec![u8::from(value)]
}

/// The arguments of all functions. Each function takes those that it has.
#[derive(Clone)]
pub struct Call {
    pub functions: *const ck::CK_FUNCTION_LIST,
    pub slot: ck::CK_SLOT_ID,
    pub session: ck::CK_SESSION_HANDLE,
    pub flags: ck::CK_FLAGS,
    pub user: ck::CK_USER_TYPE,
    pub pin: Option<Vec<u8>>,
    pub new_pin: Option<Vec<u8>>,
    pub mechanism: ck::CK_MECHANISM_TYPE,
    pub parameter: Vec<u8>,
    pub key: ck::CK_OBJECT_HANDLE,
    /// The object of the call; for C_WrapKey the key to wrap.
    pub object: ck::CK_OBJECT_HANDLE,
    pub template: Template,
    /// The template of the private key, where a call makes a pair.
    pub private: Template,
    pub data: Vec<u8>,
    pub signature: Vec<u8>,
    /// The room of the output, in bytes, and the room for the value of each attribute that is asked for.
    pub room: usize,
    /// Passes a null pointer where the pointer must not be null.
    pub null: bool,
    /// C_Initialize's arguments.
    pub arguments: Option<ck::CK_C_INITIALIZE_ARGS>,
    /// The bytes that came out. The field below has the handle.
    pub output: RefCell<Vec<u8>>,
    pub handle: Cell<ck::CK_OBJECT_HANDLE>,
}

macro_rules! f {
    ($call:ident . $name:ident ( $($argument:expr),* $(,)? )) => {
        // SAFETY: the list is the library's, and each argument is null or points at memory of this test's.
        unsafe { ((*$call.functions).$name.expect(stringify!($name)))($($argument),*) }
    };
}

impl Call {
    /// Right arguments for functions that want little: slot 0, no session.
    pub fn new(functions: *const ck::CK_FUNCTION_LIST) -> Self {
        Self {
            functions,
            slot: 0,
            session: 0,
            flags: ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION,
            user: ck::CKU_USER,
            pin: None,
            new_pin: None,
            mechanism: ck::CKM_SHA256,
            parameter: Vec::new(),
            key: 0,
            object: 0,
            template: Vec::new(),
            private: Vec::new(),
            data: b"data".to_vec(),
            signature: Vec::new(),
            room: 1024,
            null: false,
            arguments: None,
            output: RefCell::default(),
            handle: Cell::default(),
        }
    }

    /// Calls a function.
    pub fn call(&self, function: &str) -> ck::CK_RV {
        let mut attributes = Attributes::new(&self.template);
        let mut private = Attributes::new(&self.private);
        let mut parameter = self.parameter.clone();
        let mut mechanism = ck::CK_MECHANISM {
            mechanism: self.mechanism,
            pParameter: if parameter.is_empty() { ptr::null_mut() } else { parameter.as_mut_ptr().cast() },
            ulParameterLen: length(&parameter),
        };
        let mechanism: *mut ck::CK_MECHANISM = if self.null { ptr::null_mut() } else { &raw mut mechanism };
        let (mut data, mut signature) = (self.data.clone(), self.signature.clone());
        let (data_length, signature_length) = (length(&data), length(&signature));
        // For an input the null pointer is that of the bytes. For an output the null pointer is that of the length.
        let data: *mut u8 = if self.null { ptr::null_mut() } else { data.as_mut_ptr() };
        let signature: *mut u8 = if self.null { ptr::null_mut() } else { signature.as_mut_ptr() };
        let mut buffer = vec![0_u8; self.room];
        let mut out_length = length(&buffer);
        let (out, out_at): (*mut u8, *mut ck::CK_ULONG) =
            (buffer.as_mut_ptr(), if self.null { ptr::null_mut() } else { &raw mut out_length });
        let mut handles = [0, 0];
        let handle: *mut ck::CK_ULONG = if self.null { ptr::null_mut() } else { &raw mut handles[0] };
        let (mut pin, mut new_pin) =
            (self.pin.clone().unwrap_or_default(), self.new_pin.clone().unwrap_or_default());
        let (pin_length, new_length) = (length(&pin), length(&new_pin));
        let at = |pin: &mut Vec<u8>, given: bool| if given { pin.as_mut_ptr() } else { ptr::null_mut() };
        let pin = at(&mut pin, self.pin.is_some());
        let new_pin = at(&mut new_pin, self.new_pin.is_some());
        let mut arguments = self.arguments;
        let arguments =
            arguments.as_mut().map_or(ptr::null_mut(), |arguments| ptr::from_mut(arguments).cast());
        let reserved: ck::CK_VOID_PTR =
            if self.null { ptr::dangling_mut::<u8>().cast() } else { ptr::null_mut() };
        let (s, slot, key, object) = (self.session, self.slot, self.key, self.object);
        let count = |template: &Template| ck::CK_ULONG::try_from(template.len()).expect("a short template");
        let (many, of_private) = (count(&self.template).max(self.null.into()), count(&self.private));
        let t: *mut ck::CK_ATTRIBUTE = if self.null { ptr::null_mut() } else { attributes.list.as_mut_ptr() };
        let room = length(&buffer);

        macro_rules! structure {
            ($name:ident, $structure:ident $(, $argument:expr)*) => {{
                let mut found = ck::$structure::default();
                let place: *mut ck::$structure = if self.null { ptr::null_mut() } else { &raw mut found };
                f!(self.$name($($argument,)* place))
            }};
        }
        let rv = match function {
            "C_Initialize" => f!(self.C_Initialize(arguments)),
            "C_Finalize" => f!(self.C_Finalize(reserved)),
            "C_GetInfo" => structure!(C_GetInfo, CK_INFO),
            "C_GetFunctionList" => {
                let mut list = ptr::null_mut();
                f!(self.C_GetFunctionList(if self.null { ptr::null_mut() } else { &raw mut list }))
            }
            "C_GetSlotList" => {
                let mut slots = vec![0; self.room];
                f!(self.C_GetSlotList(ck::CK_FALSE, slots.as_mut_ptr(), out_at))
            }
            "C_GetSlotInfo" => structure!(C_GetSlotInfo, CK_SLOT_INFO, slot),
            "C_GetTokenInfo" => structure!(C_GetTokenInfo, CK_TOKEN_INFO, slot),
            "C_WaitForSlotEvent" => f!(self.C_WaitForSlotEvent(ck::CKF_DONT_BLOCK, handle, ptr::null_mut())),
            "C_GetMechanismList" => {
                let mut list = vec![0; self.room];
                f!(self.C_GetMechanismList(slot, list.as_mut_ptr(), out_at))
            }
            "C_GetMechanismInfo" => structure!(C_GetMechanismInfo, CK_MECHANISM_INFO, slot, self.mechanism),
            "C_InitToken" => {
                let mut label = *b"a label of thirty-two bytes     ";
                f!(self.C_InitToken(slot, pin, pin_length, label.as_mut_ptr()))
            }
            "C_InitPIN" => f!(self.C_InitPIN(s, pin, pin_length)),
            "C_SetPIN" => f!(self.C_SetPIN(s, pin, pin_length, new_pin, new_length)),
            "C_OpenSession" => f!(self.C_OpenSession(slot, self.flags, ptr::null_mut(), None, handle)),
            "C_CloseSession" => f!(self.C_CloseSession(s)),
            "C_CloseAllSessions" => f!(self.C_CloseAllSessions(slot)),
            "C_GetSessionInfo" => structure!(C_GetSessionInfo, CK_SESSION_INFO, s),
            "C_GetOperationState" => f!(self.C_GetOperationState(s, out, out_at)),
            "C_SetOperationState" => f!(self.C_SetOperationState(s, data, data_length, 0, 0)),
            "C_Login" => f!(self.C_Login(s, self.user, pin, pin_length)),
            "C_Logout" => f!(self.C_Logout(s)),
            "C_CreateObject" => f!(self.C_CreateObject(s, t, many, handle)),
            "C_CopyObject" => f!(self.C_CopyObject(s, object, t, many, handle)),
            "C_DestroyObject" => f!(self.C_DestroyObject(s, object)),
            "C_GetObjectSize" => f!(self.C_GetObjectSize(s, object, handle)),
            "C_GetAttributeValue" => f!(self.C_GetAttributeValue(s, object, t, many)),
            "C_SetAttributeValue" => f!(self.C_SetAttributeValue(s, object, t, many)),
            "C_FindObjectsInit" => f!(self.C_FindObjectsInit(s, t, many)),
            "C_FindObjects" => {
                let mut found = [0; 1];
                let rv = f!(self.C_FindObjects(s, found.as_mut_ptr(), 1, out_at));
                handles[0] = found[0];
                rv
            }
            "C_FindObjectsFinal" => f!(self.C_FindObjectsFinal(s)),
            "C_EncryptInit" => f!(self.C_EncryptInit(s, mechanism, key)),
            "C_Encrypt" => f!(self.C_Encrypt(s, data, data_length, out, out_at)),
            "C_EncryptUpdate" => f!(self.C_EncryptUpdate(s, data, data_length, out, out_at)),
            "C_EncryptFinal" => f!(self.C_EncryptFinal(s, out, out_at)),
            "C_DecryptInit" => f!(self.C_DecryptInit(s, mechanism, key)),
            "C_Decrypt" => f!(self.C_Decrypt(s, data, data_length, out, out_at)),
            "C_DecryptUpdate" => f!(self.C_DecryptUpdate(s, data, data_length, out, out_at)),
            "C_DecryptFinal" => f!(self.C_DecryptFinal(s, out, out_at)),
            "C_DigestInit" => f!(self.C_DigestInit(s, mechanism)),
            "C_Digest" => f!(self.C_Digest(s, data, data_length, out, out_at)),
            "C_DigestUpdate" => f!(self.C_DigestUpdate(s, data, data_length)),
            "C_DigestKey" => f!(self.C_DigestKey(s, key)),
            "C_DigestFinal" => f!(self.C_DigestFinal(s, out, out_at)),
            "C_SignInit" => f!(self.C_SignInit(s, mechanism, key)),
            "C_Sign" => f!(self.C_Sign(s, data, data_length, out, out_at)),
            "C_SignUpdate" => f!(self.C_SignUpdate(s, data, data_length)),
            "C_SignFinal" => f!(self.C_SignFinal(s, out, out_at)),
            "C_SignRecoverInit" => f!(self.C_SignRecoverInit(s, mechanism, key)),
            "C_SignRecover" => f!(self.C_SignRecover(s, data, data_length, out, out_at)),
            "C_VerifyInit" => f!(self.C_VerifyInit(s, mechanism, key)),
            "C_Verify" => f!(self.C_Verify(s, data, data_length, signature, signature_length)),
            "C_VerifyUpdate" => f!(self.C_VerifyUpdate(s, data, data_length)),
            "C_VerifyFinal" => f!(self.C_VerifyFinal(s, signature, signature_length)),
            "C_VerifyRecoverInit" => f!(self.C_VerifyRecoverInit(s, mechanism, key)),
            "C_VerifyRecover" => f!(self.C_VerifyRecover(s, signature, signature_length, out, out_at)),
            "C_DigestEncryptUpdate" => f!(self.C_DigestEncryptUpdate(s, data, data_length, out, out_at)),
            "C_DecryptDigestUpdate" => f!(self.C_DecryptDigestUpdate(s, data, data_length, out, out_at)),
            "C_SignEncryptUpdate" => f!(self.C_SignEncryptUpdate(s, data, data_length, out, out_at)),
            "C_DecryptVerifyUpdate" => f!(self.C_DecryptVerifyUpdate(s, data, data_length, out, out_at)),
            "C_GenerateKey" => {
                f!(self.C_GenerateKey(s, mechanism, attributes.list.as_mut_ptr(), many, handle))
            }
            "C_GenerateKeyPair" => {
                let (public, private) = (attributes.list.as_mut_ptr(), private.list.as_mut_ptr());
                let second = &raw mut handles[1];
                f!(self.C_GenerateKeyPair(s, mechanism, public, many, private, of_private, handle, second))
            }
            "C_WrapKey" => f!(self.C_WrapKey(s, mechanism, key, object, out, out_at)),
            "C_UnwrapKey" => {
                let template = attributes.list.as_mut_ptr();
                f!(self.C_UnwrapKey(s, mechanism, key, data, data_length, template, many, handle))
            }
            "C_DeriveKey" => {
                f!(self.C_DeriveKey(s, mechanism, key, attributes.list.as_mut_ptr(), many, handle))
            }
            "C_SeedRandom" => f!(self.C_SeedRandom(s, data, data_length)),
            "C_GenerateRandom" => {
                f!(self.C_GenerateRandom(s, if self.null { ptr::null_mut() } else { out }, room))
            }
            "C_GetFunctionStatus" => f!(self.C_GetFunctionStatus(s)),
            "C_CancelFunction" => f!(self.C_CancelFunction(s)),
            other => panic!("no function {other}"),
        };
        buffer.truncate(usize::try_from(out_length).unwrap_or(0));
        self.output.replace(buffer);
        self.handle.set(handles[0]);
        rv
    }

    /// Does [`Self::call`], which must succeed.
    pub fn must(&self, function: &str) -> &Self {
        let rv = self.call(function);
        assert_eq!(rv, ck::CKR_OK, "{function}: {rv:#x}");
        self
    }
}

fn length(bytes: &[u8]) -> ck::CK_ULONG {
    ck::CK_ULONG::try_from(bytes.len()).expect("a short buffer")
}

/// A list of CK_ATTRIBUTEs with the bytes that the list points at.
struct Attributes {
    _values: Vec<Vec<u8>>,
    list: Vec<ck::CK_ATTRIBUTE>,
}

impl Attributes {
    fn new(template: &Template) -> Self {
        let mut values: Vec<Vec<u8>> = template.iter().map(|(_, value)| value.clone()).collect();
        let attribute = |((kind, _), value): (&(ck::CK_ATTRIBUTE_TYPE, Vec<u8>), &mut Vec<u8>)| {
            ck::CK_ATTRIBUTE { type_: *kind, pValue: value.as_mut_ptr().cast(), ulValueLen: length(value) }
        };
        let list = template.iter().zip(&mut values).map(attribute).collect();
        Self { _values: values, list }
    }
}
