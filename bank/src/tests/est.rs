//! Enrolment by EST over TLS, as a client does it; and what is refused. `tests/bank/shield/est.py` has a client that nobody here wrote.

use std::{net::SocketAddr, sync::Arc};

use authority::{
    attestation::{Attestation, maker},
    certificate::Certificate,
    certificate_kind::Kind,
    index,
    subject::Subject,
};
use base64ct::{Base64, Encoding};
use cms::{cert::CertificateChoices, content_info::ContentInfo, signed_data::SignedData};
use der::{Decode, Encode};
use p256::{
    SecretKey,
    ecdsa::SigningKey,
    pkcs8::{EncodePrivateKey, LineEnding},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, HandshakeKind, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

use super::{
    crawl::{self, Answer},
    shield::{Soft, fresh_key, request, serial, words},
    world::{Person, World},
};
use crate::{
    books::{certificate, shield},
    commands::anywhere,
    desk,
    personal_id::{self, Code, Granted},
    serve::{Places, Server},
    tls::{Doorkeeper, Holders},
};

pub(super) const NEW: &str = "2006-09-01";
pub(super) const PKCS10: &str = "Content-Type: application/pkcs10\r\n";

/// The listener of EST of a bank, and who has signed its certificate.
pub(super) struct Est {
    place: SocketAddr,
    authority: CertificateDer<'static>,
    _stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Drop for Est {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A certificate of the client's, and its key.
type Holder<'a> = Option<(&'a [u8], &'a SigningKey)>;

impl Est {
    pub(super) async fn open(world: &World) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("an authority").der().clone();
        let (issuer, own) = (Issuer::new(params, key), KeyPair::generate().expect("a key"));
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&own, &issuer).expect("a certificate").pem();
        let keep = |name: &str, text: &str| {
            let path = folder.path().join(name);
            file::write(&path, text.as_bytes(), file::Access::Owner, false).expect("written");
            path
        };
        let (certificate, key) = (keep("cert.pem", &certificate), keep("key.pem", &own.serialize_pem()));
        let bank = world.node();
        let all = bank.shields().expect("a CA").all().values();
        let authorities = all.map(|own| own.certificate(Kind::Authentication).der.clone()).collect();
        let holders = Holders { authorities, clock: bank.clock.clone() };
        let tls = Doorkeeper::new(&certificate, &key, Some(holders)).expect("TLS");
        let place = SocketAddr::from(([127, 0, 0, 1], 0));
        let places = Places { est: Some((place, Arc::new(tls))), ..anywhere() };
        let server = Server::open(bank, places).await.expect("listeners");
        let place = server.est().expect("a place");
        let (stop, stopped) = watch::channel(false);
        Self { place, authority, _stop: stop, server: tokio::spawn(server.run(stopped)) }
    }

    /// Asks over a connection that shows this certificate. The status is 0 where the connection is refused.
    pub(super) async fn ask(
        &self,
        holder: Holder<'_>,
        method: &str,
        path: &str,
        extra: &str,
        body: &str,
    ) -> Answer {
        let stream = self.connect(&Arc::new(self.config(holder))).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: en\r\nConnection: close\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        crawl::answer(stream, head.as_bytes()).await
    }

    fn config(&self, holder: Holder<'_>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        match holder {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from(certificate.to_vec())];
                let key = SecretKey::from(key).to_pkcs8_der().expect("a key").as_bytes().to_vec();
                let key = PrivateKeyDer::try_from(key).expect("a key");
                config.with_client_auth_cert(chain, key).expect("a certificate")
            }
        }
    }

    async fn connect(&self, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.place).await.expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(config.clone()).connect(name, stream).await.expect("TLS")
    }

    pub(super) async fn post(&self, path: &str, code: &Code, body: &str) -> Answer {
        self.ask(None, "POST", path, &format!("{}{PKCS10}", basic(code)), body).await
    }

    pub(super) async fn attest(&self, code: &Code, attestation: &Attestation) -> u16 {
        self.post("/attestation", code, &attestation.pem()).await.status
    }

    /// Enrols as clients of RFC 7030 do: with lines, and with a header that means nothing any more (RFC 8951, 3).
    pub(super) async fn enrol(&self, code: &Code, request: &[u8]) -> Answer {
        let plain = Base64::encode_string(request);
        let lines = plain.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line)));
        let extra = format!("{}{PKCS10}Content-Transfer-Encoding: base64\r\n", basic(code));
        self.ask(None, "POST", "/.well-known/est/simpleenroll", &extra, &lines.collect::<String>()).await
    }

    pub(super) async fn renew(&self, holder: Holder<'_>, request: &[u8]) -> Answer {
        let body = Base64::encode_string(request);
        self.ask(holder, "POST", "/.well-known/est/simplereenroll", PKCS10, &body).await
    }
}

pub(super) fn copy(code: &Code) -> Code {
    Code { serial: code.serial.clone(), reference: code.reference.clone(), code: code.code.clone() }
}

pub(super) fn basic(code: &Code) -> String {
    let shown = Base64::encode_string(format!("{}:{}", code.reference, code.code).as_bytes());
    format!("Authorization: Basic {shown}\r\n")
}

/// The certificates of an answer.
#[track_caller]
pub(super) fn all(answer: &Answer) -> Vec<Vec<u8>> {
    assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
    assert!(
        answer.head.contains("content-type: application/pkcs7-mime; smime-type=certs-only"),
        "{}",
        answer.head
    );
    let info = ContentInfo::from_der(&Base64::decode_vec(&answer.body).expect("base64")).expect("PKCS #7");
    let data = info.content.decode_as::<SignedData>().expect("SignedData");
    assert!(data.signer_infos.0.is_empty() && data.encap_content_info.econtent.is_none());
    let certificates = data.certificates.expect("certificates").0;
    let der = |one: &CertificateChoices| one.to_der().expect("a certificate");
    certificates.iter().map(der).collect()
}

/// The one certificate of an answer.
#[track_caller]
pub(super) fn only(answer: &Answer) -> Vec<u8> {
    let all = all(answer);
    let [one] = &all[..] else { panic!("{} certificates", all.len()) };
    one.clone()
}

/// A shield with two keys, and whom the bank certifies.
pub(super) struct Fresh {
    pub(super) soft: Soft,
    pub(super) keys: [SigningKey; 2],
    pub(super) subject: Subject,
    pub(super) code: Code,
}

impl World {
    /// Handed out, and its keys are made.
    pub(super) async fn fresh(&self, person: &Person) -> Fresh {
        let soft = Soft::new();
        let code = self.hand_out(person, &soft).await.expect("a shield");
        let granted = Granted::check(&self.bank, &words(&code)).await.expect("the code");
        let subject = granted.subject(self.bank.shields().expect("a CA"));
        Fresh { soft, keys: [fresh_key(), fresh_key()], subject, code }
    }

    /// How many certificates of a customer's shield stand.
    pub(super) async fn standing(&self, person: &Person) -> usize {
        let mut db = self.bank.database.connection().await.expect("a connection");
        let shield = shield::of_customer(&mut db, &person.customer.customer().id).await.expect("read");
        certificate::standing(&mut db, &shield.expect("a shield").id).await.expect("read").len()
    }
}

impl Fresh {
    pub(super) fn requests(&self) -> [Vec<u8>; 2] {
        [0, 1].map(|at| request(&self.keys[at], &self.subject))
    }

    /// Attests both keys and enrols them: the certificates, for payment first.
    pub(super) async fn enrol(&self, est: &Est) -> [Vec<u8>; 2] {
        let mut certificates = Vec::new();
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(est.attest(&self.code, &self.soft.attest(kind, &self.keys[at])).await, 204);
            let answer = est.enrol(&self.code, &self.requests()[at]).await;
            certificates.push(only(&answer));
        }
        certificates.try_into().expect("two certificates")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_by_est_pays_as_one_by_the_api_does() {
    let world = World::new().await;
    let person = world.person("张三", NEW).await;
    let (fresh, est) = (world.fresh(&person).await, Est::open(&world).await);
    let issuers = world.bank.shields().expect("a CA").issuers(1).expect("the first ones");
    let ca = issuers.certificate(Kind::Payment).der.clone();
    for path in ["cacerts", "payment/cacerts", "authentication/cacerts"] {
        let answer = est.ask(None, "GET", &format!("/.well-known/est/{path}"), "", "").await;
        assert_eq!(only(&answer), ca, "{path}");
        assert!(!answer.head.to_lowercase().contains("set-cookie"), "{}", answer.head);
    }
    let order = world.order(&person, "7").await.expect("an order");
    let [payment, authentication] = fresh.enrol(&est).await;
    for (at, (kind, der)) in Kind::ALL.into_iter().zip([&payment, &authentication]).enumerate() {
        let own = Certificate::parse(der).expect("a certificate");
        assert!(own.is_of(kind) && own.issued_by(&Certificate::parse(&ca).expect("the CA")), "{kind}");
        assert_eq!((own.subject, own.public_key), (fresh.subject.attributes(), maker::spki(&fresh.keys[at])));
        // The answer was lost: the same request has the same answer, and nothing is issued.
        assert_eq!(only(&est.enrol(&fresh.code, &fresh.requests()[at]).await), *der, "{kind}");
    }
    assert_eq!(world.standing(&person).await, 2);
    let Fresh { soft, keys: [key, _], code, subject } = fresh;
    let soft = soft.paying_with(key, payment);
    let document = soft.sign(&world.challenge(&person, &order.id).await.expect("a challenge"));
    assert_eq!(world.submit(&document).await.expect("paid"), order.id);
    // The code is spent: for another key of the same shield it gives nothing.
    let other = fresh_key();
    assert_eq!(est.attest(&code, &soft.attest(Kind::Payment, &other)).await, 409);
    assert_eq!(est.enrol(&code, &request(&other, &subject)).await.status, 400);
    assert!(world.is_proven().await);
}

/// A client that got no answer in time asks again, while the bank still works on the first request.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_eight_times_at_once_has_one_certificate() {
    let world = World::new().await;
    let person = world.person("张三", NEW).await;
    let (fresh, est) = (world.fresh(&person).await, Arc::new(Est::open(&world).await));
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(est.attest(&fresh.code, &fresh.soft.attest(kind, &fresh.keys[at])).await, 204);
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let (est, request) = (est.clone(), fresh.requests()[at].clone());
            let code = copy(&fresh.code);
            all.spawn(async move { only(&est.enrol(&code, &request).await) });
        }
        let mut issued = all.join_all().await;
        issued.dedup();
        assert_eq!(issued.len(), 1, "{kind}");
    }
    let mut db = world.bank.database.connection().await.expect("a connection");
    assert_eq!(certificate::count_of(&mut db, &fresh.code.reference).await.expect("read"), 2);
    drop(db);
    assert_eq!(world.standing(&person).await, 2);
}

/// A session that was resumed would show the former certificate without a proof of its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_proves_its_key_anew() {
    let world = World::new().await;
    let est = Est::open(&world).await;
    let config = Arc::new(est.config(None));
    for _ in 0..2 {
        let mut stream = est.connect(&config).await;
        let asked = b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(asked).await.expect("sent");
        // The connection ends with its answer, though nobody asked it to.
        stream.read_to_end(&mut Vec::new()).await.expect("answered");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_holder_renews_with_the_certificate_on_the_shield() {
    let mut world = World::new().await;
    world.bank.settings.certificate_days = 60;
    let person = world.person("张三", NEW).await;
    let (fresh, est) = (world.fresh(&person).await, Arc::new(Est::open(&world).await));
    let [payment, former] = fresh.enrol(&est).await;
    let (key, [_, again]) = (&fresh.keys[1], fresh.requests());
    assert_eq!(est.renew(None, &again).await.status, 403, "nothing was shown");
    assert_eq!(est.renew(Some((&payment, &fresh.keys[0])), &again).await.status, 0, "it is not for TLS");
    let stranger = CertificateParams::default().self_signed(&KeyPair::from_pem(&pkcs8(key)).expect("a key"));
    let stranger = stranger.expect("a certificate");
    assert_eq!(est.renew(Some((stranger.der(), key)), &again).await.status, 0, "another authority's");
    let other = request(&fresh_key(), &fresh.subject);
    assert_eq!(est.renew(Some((&former, key)), &other).await.status, 400, "another key");
    let named = request(key, &Subject { name: "李四".into(), ..fresh.subject.clone() });
    assert_eq!(est.renew(Some((&former, key)), &named).await.status, 400, "another name");

    // Eight at once are one renewal, and whoever lost the answer gets it by the former certificate.
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let (est, former, key, again) = (est.clone(), former.clone(), key.clone(), again.clone());
        all.spawn(async move { only(&est.renew(Some((&former, &key)), &again).await) });
    }
    let mut renewed = all.join_all().await;
    renewed.dedup();
    let [new] = &renewed[..] else { panic!("{} renewals", renewed.len()) };
    assert_eq!(only(&est.renew(Some((&former, key)), &again).await), *new);
    let (old, young) = (serial(&former), serial(new));
    assert_ne!(old, young);
    let mut db = world.bank.database.connection().await.expect("a connection");
    let mut status = async |serial: &str| {
        certificate::status(&mut db, serial, Kind::Authentication, 1).await.expect("read")
    };
    assert!(matches!(status(&old).await, Some(Some((_, index::Revocation::Superseded)))));
    assert_eq!(status(&young).await, Some(None));
    drop(db);
    // The new one renews as well, and the payment certificate was not touched.
    assert_ne!(only(&est.renew(Some((new, key)), &again).await), *new);
    assert_eq!(world.standing(&person).await, 2);
    let (order, soft) = (world.order(&person, "7").await.expect("an order"), fresh.soft);
    let soft = soft.paying_with(fresh.keys[0].clone(), payment);
    let document = soft.sign(&world.challenge(&person, &order.id).await.expect("a challenge"));
    assert_eq!(world.submit(&document).await.expect("paid"), order.id);
    let at = world.at_counter(&person.account, &person.document).await;
    desk::lose_shield(&world.bank, &world.teller, &at).await.expect("lost");
    assert_eq!(est.renew(Some((new, key)), &again).await.status, 403, "the shield is lost");
    assert!(world.is_proven().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_refused_before_its_time_and_of_what_was_never_delivered() {
    let world = World::new().await;
    let person = world.person("张三", NEW).await;
    let (fresh, est) = (world.fresh(&person).await, Est::open(&world).await);
    let (key, [_, request]) = (&fresh.keys[1], fresh.requests());
    assert_eq!(est.attest(&fresh.code, &fresh.soft.attest(Kind::Authentication, key)).await, 204);
    let half = only(&est.enrol(&fresh.code, &request).await);
    assert_eq!(
        est.renew(Some((&half, key)), &request).await.status,
        403,
        "one of two was delivered to nobody"
    );
    let [_, own] = fresh.enrol(&est).await;
    assert_eq!(own, half);
    let told = est.renew(Some((&own, key)), &request).await;
    assert!(told.status == 403 && told.body.contains("90 days before its end"), "{}", told.body);
    let granted = Granted::check(&world.bank, &words(&fresh.code)).await.expect("the code");
    let wrong = personal_id::withdraw(&world.bank, &granted, &[serial(&own)]).await;
    assert!(wrong.is_ok(), "what was delivered is not withdrawn, and nothing is said of it");
    assert_eq!(world.standing(&person).await, 2);
}

fn pkcs8(key: &SigningKey) -> String {
    SecretKey::from(key).to_pkcs8_pem(LineEnding::LF).expect("a key").to_string()
}
