//! What a request ends in when it does not end well. A [`Refusal`] is the customer's to mend, and has a text in each language;
//! everything else is the bank's own fault, is logged, and tells the customer nothing of the inside.

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The bank refuses, and says why and what to do.
    #[error("{}", .0.code())]
    Refused(Refusal),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Something that cannot be: the books contradict themselves, or the system gives no random numbers.
    #[error("{0}")]
    Broken(String),
}

/// What of the database is in the way, where another try may end better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No room is left on the database's disk.
    Full,
    /// Nobody answers there, or the server is starting or stopping, or only reads since another one has taken over.
    Away,
    /// Others hold what was wanted: a lock, or a connection.
    Contention,
}

impl Trouble {
    /// The name in the metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "database-full",
            Self::Away => "database-away",
            Self::Contention => "database-contention",
        }
    }

    /// By the codes of PostgreSQL (appendix A, "PostgreSQL Error Codes") and of SQLite ("Result and Error Codes").
    fn of(fault: &sqlx::Error) -> Option<Self> {
        let told = match fault {
            sqlx::Error::PoolTimedOut => return Some(Self::Contention),
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                return Some(Self::Away);
            }
            sqlx::Error::Database(told) => told,
            _ => return None,
        };
        let code = told.code()?;
        // SQLite's extended codes have the plain code in their lowest byte. All codes of PostgreSQL have five characters.
        if code.len() < 5 {
            return match code.parse::<u32>().ok()? & 0xFF {
                // SQLITE_FULL, and SQLITE_IOERR, as which a full disk shows where the shared memory of the log wants to grow.
                13 | 10 => Some(Self::Full),
                // SQLITE_BUSY, SQLITE_LOCKED.
                5 | 6 => Some(Self::Contention),
                // SQLITE_READONLY, SQLITE_CANTOPEN.
                8 | 14 => Some(Self::Away),
                _ => None,
            };
        }
        match (code.get(..2)?, &*code) {
            (_, "53100") => Some(Self::Full),
            // A read-only transaction.
            (_, "25006") => Some(Self::Away),
            // Insufficient resources, connection exceptions, the operator's intervention.
            ("08" | "53" | "57", _) => Some(Self::Away),
            // Serialisation and deadlock; a lock that was not to be had in time.
            ("40", _) | (_, "55P03") => Some(Self::Contention),
            _ => None,
        }
    }
}

impl Error {
    /// What of the database is in the way; [`None`] for a refusal, and for a fault that the next try meets again.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Database(fault) => Trouble::of(fault),
            Self::Refused(_) | Self::Broken(_) => None,
        }
    }

    /// The database has not answered for too long.
    pub(crate) fn silent() -> Self {
        Self::Database(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }

    /// Whether the role of this program lacks a right (PostgreSQL's `insufficient_privilege`).
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(told)) if told.code().as_deref() == Some("42501"))
    }

    /// Whether somebody else held a table for too long (PostgreSQL's `lock_timeout`), or the two held each other up.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.trouble() == Some(Trouble::Contention)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Takes a refusal out, for a page that shows its form again; faults stay errors.
pub(crate) fn refusable<T>(result: Result<T>) -> Result<std::result::Result<T, Refusal>> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(fault) => Err(fault),
    }
}

/// Each refusal: its name, its HTTP status, and its code. The texts `refusal-CODE` (what and why) and `refusal-CODE-next` (what
/// to do) are in `bank/texts`.
macro_rules! refusals {
    ($($name:ident = $status:literal $code:literal;)*) => {
        /// Why the bank refuses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Refusal { $($name),* }

        impl Refusal {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name, for programs and for the texts.
            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// Whether an order that is refused for this reason has ended: nobody can pay it any more.
            pub(crate) const fn ends_order(self) -> bool {
                matches!(
                    self,
                    Self::OverDay
                        | Self::StaticUsedUp
                        | Self::NoMoney
                        | Self::BadPayee
                        | Self::TestRefused
                        | Self::PurchaseEnded
                )
            }

            /// The HTTP status.
            pub(crate) const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

refusals! {
    NotFound = 404 "not-found";
    WrongMethod = 405 "wrong-method";
    SignIn = 401 "sign-in";
    NotYours = 404 "not-yours";
    ChangePasswordFirst = 403 "change-password-first";
    ForeignForm = 403 "foreign-form";
    ForeignHost = 421 "foreign-host";
    Malformed = 400 "malformed";
    TooLarge = 413 "too-large";
    TooSlow = 408 "too-slow";
    Busy = 503 "busy";
    TooManyTries = 429 "too-many-tries";
    WrongLogin = 401 "wrong-login";
    NoMatch = 422 "no-match";
    AgreementChanged = 409 "agreement-changed";
    WeakPassword = 422 "weak-password";
    PasswordsDiffer = 422 "passwords-differ";
    WrongPassword = 422 "wrong-password";
    SamePassword = 422 "same-password";
    PaymentPasswordForm = 422 "payment-password-form";
    BadAmount = 422 "bad-amount";
    BadPayee = 422 "bad-payee";
    BadText = 422 "bad-text";
    SameAccount = 422 "same-account";
    FormUsed = 409 "form-used";
    OrderExpired = 409 "order-expired";
    OrderEnded = 409 "order-ended";
    ChallengeReplaced = 409 "challenge-replaced";
    WrongAnswer = 422 "wrong-answer";
    NoMoney = 422 "no-money";
    NotEnabled = 403 "not-enabled";
    NoEcommerce = 403 "no-ecommerce";
    NoPaymentPassword = 403 "no-payment-password";
    LargeByShield = 403 "large-by-shield";
    StaticOnlyCounter = 403 "static-only-counter";
    StaticTooLate = 403 "static-too-late";
    StaticEnded = 403 "static-ended";
    StaticUsedUp = 403 "static-used-up";
    StaticBlocked = 403 "static-blocked";
    NoCard = 403 "no-card";
    NotThatCard = 422 "not-that-card";
    CardNotActive = 403 "card-not-active";
    CardBlocked = 403 "card-blocked";
    CardClosed = 403 "card-closed";
    CardUsedUp = 403 "card-used-up";
    OverPayment = 403 "over-payment";
    OverDay = 403 "over-day";
    ShieldNotDelivered = 403 "shield-not-delivered";
    SignOnShield = 409 "sign-on-shield";
    NoShield = 403 "no-shield";
    ShieldExists = 409 "shield-exists";
    ShieldEnded = 403 "shield-ended";
    ShieldSuspended = 403 "shield-suspended";
    NotSuspended = 409 "not-suspended";
    PukNotSet = 403 "puk-not-set";
    PukKept = 409 "puk-kept";
    NoConsent = 403 "no-consent";
    BadShield = 422 "bad-shield";
    WrongType = 415 "wrong-type";
    NoCode = 401 "no-code";
    NoCertificate = 403 "no-certificate";
    OtherKey = 422 "other-key";
    CodeWrong = 403 "code-wrong";
    CodeExpired = 403 "code-expired";
    IdDelivered = 409 "id-delivered";
    RequestRefused = 422 "request-refused";
    NotAttested = 422 "not-attested";
    NoFactory = 503 "no-factory";
    NotIssued = 409 "not-issued";
    NotYetRenewed = 403 "not-yet-renewed";
    DocumentMalformed = 422 "document-malformed";
    DocumentForeign = 422 "document-foreign";
    DocumentReplaced = 409 "document-replaced";
    CertificateExpired = 403 "certificate-expired";
    CertificateRevoked = 403 "certificate-revoked";
    SignatureInvalid = 422 "signature-invalid";
    PayerMismatch = 403 "payer-mismatch";
    OrderMismatch = 409 "order-mismatch";
    OrderUnshowable = 422 "order-unshowable";
    OrderReplayed = 409 "order-replayed";
    CustomerExists = 409 "customer-exists";
    ContractExists = 409 "contract-exists";
    NoContract = 409 "no-contract";
    CardExists = 409 "card-exists";
    SecondTeller = 403 "second-teller";
    AlreadyAnswered = 409 "already-answered";
    TellerExists = 409 "teller-exists";
    KeyWrong = 401 "key-wrong";
    NoIdempotencyKey = 400 "no-idempotency-key";
    IdempotencyKeyReused = 422 "idempotency-key-reused";
    StillRunning = 409 "still-running";
    BadReturn = 422 "bad-return";
    PurchaseEnded = 409 "purchase-ended";
    MerchantExists = 409 "merchant-exists";
    MerchantUnknown = 404 "merchant-unknown";
    BadWebhook = 422 "bad-webhook";
    TestRule = 403 "test-rule";
    TestRefused = 422 "test-refused";
}
