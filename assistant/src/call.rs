//! The calls: what a page may ask for, in JSON. docs/assistant.md has the list.

use std::{sync::Arc, time::SystemTime};

use authority::certificate::Certificate;
use base64ct::{Base64, Encoding};
use payment::{EncodedOrder, MAX_ORDER_LIFETIME, order::check_open};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use wire::display::check_order;

use crate::{
    desk::{Desk, NotStarted, Page, error},
    origin::Origin,
    prompter::Language,
    standing::{self, Wish},
    work::{Applicant, Errand, Job},
};

/// The version of the calls. A page says which version it speaks.
pub(crate) const PROTOCOL: u64 = 1;
/// The longest number of a page, and of a shield or a brand that a page names.
const LONGEST_NAME: usize = 64;
/// The shortest number of a page: 16 characters of 64 have 96 bits.
const SHORTEST_PAGE: usize = 16;

/// An answer: the status code of HTTP, and JSON.
pub(crate) type Answer = (u16, Value);

/// A refusal of a call.
pub(crate) fn refuse(status: u16, code: &'static str) -> Answer {
    (status, json!({ "error": error(code, None), "protocol": PROTOCOL, "version": VERSION }))
}

/// The version of the assistant.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What all calls say.
struct Common {
    page: Page,
    language: Language,
    wish: Wish,
}

/// Answers a call of a page of this origin.
pub(crate) async fn answer(desk: &Arc<Desk>, origin: &Origin, path: &str, body: &[u8]) -> Answer {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else { return refuse(400, "malformed") };
    // Before anything else is read: another version may say other things.
    match body.remove("protocol").and_then(|version| version.as_u64()) {
        Some(PROTOCOL) => {}
        Some(_) => return refuse(409, "version"),
        None => return refuse(400, "malformed"),
    }
    let Some(common) = common(origin, &mut body) else { return refuse(400, "malformed") };
    let call = Call { desk, common, body };
    match path {
        "/status" => call.status().await,
        "/wait" => call.wait().await,
        "/cancel" => call.cancel(),
        "/change_pin" => call.start(|Nothing {}| Ok(Job::ChangePin)),
        "/renew" => call.start(|Nothing {}| Ok(Job::Renew)),
        "/enrol" => call.start(enrol),
        "/install" => call.start(install),
        "/pay" => call.start(pay),
        "/mend" => call.start(|Mend { code }| Ok(Job::Mend(code))),
        _ => refuse(404, "unknown_call"),
    }
}

/// Takes what all calls say out of the body.
fn common(origin: &Origin, body: &mut Map<String, Value>) -> Option<Common> {
    let mut text = |name: &str| match body.remove(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text.len() <= LONGEST_NAME => Some(Some(text)),
        Some(_) => None,
    };
    let (page, serial, brand, language) =
        (text("page")??, text("serial")?, text("brand")?, text("language")?);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if page.len() < SHORTEST_PAGE || !page.bytes().all(allowed) {
        return None;
    }
    let language = match language.as_deref() {
        None | Some("en") => Language::En,
        Some("zh") => Language::Zh,
        Some(_) => return None,
    };
    Some(Common {
        page: Page { origin: origin.clone(), number: page },
        language,
        wish: Wish { serial, brand },
    })
}

/// A call that was read so far.
struct Call<'a> {
    desk: &'a Arc<Desk>,
    common: Common,
    /// The rest of the body.
    body: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Install {
    /// PEM.
    payment: String,
    /// PEM.
    authentication: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    /// The order as the bank issued it: DER in base64.
    order: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mend {
    /// The code of a finding of the doctor's.
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    operation: String,
    /// The revision that the page knows.
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    operation: String,
}

impl Call<'_> {
    /// The rest of the body. What a call does not know is refused.
    fn rest<T: DeserializeOwned>(&mut self) -> Result<T, Answer> {
        let body = std::mem::take(&mut self.body);
        serde_json::from_value(Value::Object(body)).map_err(|_| refuse(400, "malformed"))
    }

    async fn status(mut self) -> Answer {
        if let Err(refused) = self.rest::<Nothing>() {
            return refused;
        }
        let mut told = self.desk.standing(self.common.wish).await;
        told["protocol"] = PROTOCOL.into();
        told["version"] = VERSION.into();
        (200, told)
    }

    async fn wait(mut self) -> Answer {
        let Wait { operation, after } = match self.rest() {
            Ok(wait) => wait,
            Err(refused) => return refused,
        };
        known(self.desk.wait(&self.common.page, &operation, after).await)
    }

    fn cancel(mut self) -> Answer {
        match self.rest() {
            Ok(Cancel { operation }) => known(self.desk.cancel(&self.common.page, &operation)),
            Err(refused) => refused,
        }
    }

    fn start<T: DeserializeOwned>(mut self, job: impl FnOnce(T) -> Result<Job, &'static str>) -> Answer {
        let job = match self.rest().map(job) {
            Ok(Ok(job)) => job,
            Ok(Err(code)) => return refuse(422, code),
            Err(refused) => return refused,
        };
        let Common { page, language, wish } = self.common;
        let errand = Errand { job, origin: page.origin.clone(), language, wish };
        match self.desk.start(&page, errand) {
            Ok(view) => (202, view),
            Err(not) if not == NotStarted::TooManyPrompts => refuse(429, not.code()),
            Err(not) => refuse(409, not.code()),
        }
    }
}

fn known(view: Option<Value>) -> Answer {
    view.map_or_else(|| refuse(404, "unknown_operation"), |view| (200, view))
}

/// The subject is checked before anybody is asked for a PIN: its text is shown to the holder.
fn enrol(applicant: Applicant) -> Result<Job, &'static str> {
    applicant.subject().check().map_err(|_| "invalid")?;
    Ok(Job::Enrol(applicant))
}

fn install(certificates: Install) -> Result<Job, &'static str> {
    let read = |pem: &str| Certificate::parse(pem.as_bytes()).map_err(|_| "invalid");
    Ok(Job::Install(Box::new([read(&certificates.payment)?, read(&certificates.authentication)?])))
}

/// The order is checked as far as can be before anybody is asked for a PIN.
fn pay(call: Pay) -> Result<Job, &'static str> {
    let order = Base64::decode_vec(&call.order).map_err(|_| "order_malformed")?;
    let order = EncodedOrder::parse(order).map_err(|_| "order_malformed")?;
    check_order(order.order()).map_err(|_| "cannot-show")?;
    check_open(order.order(), SystemTime::now()).map_err(|_| "order_expired")?;
    let [issued, expires] = [order.order().issued, order.order().expires].map(|time| time.to_unix_duration());
    if expires.saturating_sub(issued) > MAX_ORDER_LIFETIME {
        return Err("order_malformed");
    }
    Ok(Job::Pay(Box::new(order)))
}

impl Desk {
    /// The state, for a page. One look at a time: a look opens the shields that are there.
    async fn standing(self: &Arc<Self>, wish: Wish) -> Value {
        let _alone = self.looking.lock().await;
        if self.is_at_work() {
            return standing::plain("busy");
        }
        let desk = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || standing::look(&desk.shields, &wish)).await;
        let mut told = looked.unwrap_or_else(|_| standing::plain("token_unread"));
        if !self.prompter.is_there() && told["state"] != "no_token" {
            told["state"] = "no_prompt".into();
            told["words"] = json!(crate::words::of("no_prompt"));
        }
        told
    }
}
