//! The way to the server: requests of the REST API and their answers.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use fanfare::core::{AddressPolicy, Transport, TransportError};
use fanfare_http::{Cap, HttpTransport, Limits, Stream};
use fanfare_net::{Guard, tls_config};
use http::{HeaderValue, Method, Request, header};
use ipnet::{IpNet, Ipv4Net};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use url::{Host, Url};
use uuid::Uuid;

use crate::{config::Settings, failure::Failure, problem::Problem, secret_files, serve::TOKEN_FILE};

/// A test waits for every target in turn of its own time-out, and a long list may be large.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), exchange: Duration::from_secs(120), answer: Cap::Refuse(64 << 20) };

/// The shared address space (RFC 6598), in which private networks between machines like to live.
const SHARED: IpNet = IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 64, 0, 0), 10));

/// Speaks with one server.
#[derive(Debug)]
pub(crate) struct Client {
    base: Url,
    authorization: HeaderValue,
    signer: Option<Signer>,
    transport: HttpTransport,
}

/// Signs what is sent, as Standard Webhooks 1.0 describes it.
struct Signer(Webhook);

// The key stays in here.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// A successful answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    body: Bytes,
    etag: Option<HeaderValue>,
}

/// The way to whatever whoever runs the command names; link-local and metadata addresses stay refused.
pub(crate) fn transport(settings: &Settings, limits: Limits) -> Result<HttpTransport, Failure> {
    let authorities = settings.extra_ca_file.as_ref().map(std::fs::read).transpose();
    let tls = authorities
        .map_err(|error| error.to_string())
        .and_then(|pem| tls_config(pem.as_deref()).map_err(|error| error.to_string()))
        .map_err(|error| Failure::WrongUse(format!("FANFARE_EXTRA_CA_FILE: {error}")))?;
    let networks = AddressPolicy::with_loopback().networks().iter().copied().chain([SHARED]).collect::<Vec<_>>();
    let guard = Arc::new(Guard::new(AddressPolicy::new(networks)));
    HttpTransport::new(guard, tls, limits).map_err(|error| Failure::Failed(error.to_string()))
}

/// The query of a request.
pub(crate) type Query<'a> = &'a [(&'a str, Option<String>)];

impl Client {
    /// A client of the server that the settings name.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let base = base_url(settings)?;
        let token = token(settings, &base)?;
        let authorization = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
        let mut authorization = authorization
            .map_err(|_| Failure::WrongUse("the token has characters that no token has: check FANFARE_TOKEN".into()))?;
        authorization.set_sensitive(true);
        let signer = settings.signing_secret.as_ref().map(Signer::new).transpose()?;
        Ok(Self { base, authorization, signer, transport: transport(settings, LIMITS)? })
    }

    /// Which server this is: its address, without what a query may hold.
    pub(crate) fn server(&self) -> String {
        let mut base = self.base.clone();
        base.set_query(None);
        base.set_fragment(None);
        base.as_str().trim_end_matches('/').to_owned()
    }

    /// Reads `/api/v1/…`; of the query, what is set.
    pub(crate) async fn get(&self, path: &[&str], query: Query<'_>) -> Result<Answer, Failure> {
        self.exchange(Method::GET, path, query, None).await
    }

    /// Sends a document to `/api/v1/…`.
    pub(crate) async fn post(&self, path: &[&str], body: Option<&Value>) -> Result<Answer, Failure> {
        self.exchange(Method::POST, path, &[], body).await
    }

    /// Replaces a document at `/api/v1/…`.
    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.exchange(Method::PUT, path, &[], Some(body)).await
    }

    /// Replaces a document at `/api/v1/…` if it is still the one that was read.
    pub(crate) async fn put_over(&self, read: &Answer, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.exchange_if(read.etag.as_ref(), Method::PUT, path, &[], Some(body)).await
    }

    /// Changes what is at `/api/v1/…` by a merge patch.
    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.exchange(Method::PATCH, path, &[], Some(body)).await
    }

    /// Deletes what is at `/api/v1/…`.
    pub(crate) async fn delete(&self, path: &[&str], query: Query<'_>) -> Result<Answer, Failure> {
        self.exchange(Method::DELETE, path, query, None).await
    }

    /// Opens an endless answer of `/api/v1/…`.
    pub(crate) async fn stream(&self, path: &[&str]) -> Result<Stream, Failure> {
        let request = self.request(None, Method::GET, path, &[], None)?;
        let mut stream = self.transport.stream(request).await.map_err(|error| self.no_answer(&error))?;
        if stream.status().is_success() {
            return Ok(stream);
        }
        let status = stream.status();
        let body = stream.next().await.ok().flatten().unwrap_or_default();
        Err(Failure::Refused(Problem { status, body }))
    }

    fn request(
        &self,
        etag: Option<&HeaderValue>,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(address(&self.base, path, query).as_str())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(etag) = etag {
            request = request.header(header::IF_MATCH, etag);
        }
        let signed = self.signer.as_ref().zip(body);
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        if let Some((signer, _)) = signed {
            for (name, value) in signer.headers(&Uuid::now_v7().to_string(), Timestamp::now(), &body)? {
                request = request.header(name, value);
            }
        }
        request.body(body).map_err(|_| Failure::WrongUse("FANFARE_URL is no address".into()))
    }

    fn no_answer(&self, error: &TransportError) -> Failure {
        let advice = "Is fanfare serve running there? FANFARE_URL says where to look.";
        let words = format!("{} does not answer: {error}. {advice}", self.base.as_str().trim_end_matches('/'));
        match error {
            TransportError::Connect(_) | TransportError::Answer(_) => Failure::Unreachable(words),
            _ => Failure::Failed(words),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.exchange_if(None, method, path, query, body).await
    }

    async fn exchange_if(
        &self,
        etag: Option<&HeaderValue>,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let request = self.request(etag, method, path, query, body)?;
        let response = self.transport.exchange(request).await.map_err(|error| self.no_answer(&error))?;
        let (head, body) = response.into_parts();
        match head.status.is_success() {
            true => Ok(Answer { body, etag: head.headers.get(header::ETAG).cloned() }),
            false => Err(Failure::Refused(Problem { status: head.status, body })),
        }
    }
}

impl Signer {
    fn new(secret: &SecretString) -> Result<Self, Failure> {
        let wrong = "FANFARE_SIGNING_SECRET is no signing secret: it begins with whsec_, and a key in base64 follows";
        let secret = secret.expose_secret();
        let signer = secret.starts_with("whsec_").then(|| Webhook::new(secret).ok()).flatten();
        signer.map(Self).ok_or_else(|| Failure::WrongUse(wrong.into()))
    }

    /// The headers that prove a body.
    fn headers(&self, id: &str, now: Timestamp, body: &[u8]) -> Result<[(&'static str, String); 3], Failure> {
        let at = now.as_second();
        let signature = self.0.sign(id, at, body).map_err(|error| Failure::Failed(error.to_string()))?;
        Ok([
            (HEADER_WEBHOOK_ID, id.to_owned()),
            (HEADER_WEBHOOK_TIMESTAMP, at.to_string()),
            (HEADER_WEBHOOK_SIGNATURE, signature),
        ])
    }
}

impl Answer {
    /// What the server said, unchanged.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What it means.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let advice = "is that a Fanfare of another version? --json shows what it says";
            Failure::Failed(format!("the server's answer is not understood: {error}; {advice}"))
        })
    }
}

fn address(base: &Url, path: &[&str], query: Query<'_>) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v1"]).extend(path);
    }
    let given: Vec<_> = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect();
    if !given.is_empty() {
        url.query_pairs_mut().extend_pairs(given);
    }
    url
}

/// Where the server is: as told, else where this machine's server listens.
fn base_url(settings: &Settings) -> Result<Url, Failure> {
    let Some(text) = &settings.url else {
        let here = format!("http://{}", reachable(&settings.listen));
        return Url::parse(&here).map_err(|_| Failure::WrongUse("FANFARE_LISTEN is no address and port".into()));
    };
    let wrong = |why: &str| Failure::WrongUse(format!("FANFARE_URL {why}, such as http://127.0.0.1:8600"));
    let url = Url::parse(text).map_err(|_| wrong("is not the address of a server"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is not an address that begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let words = "FANFARE_URL holds a name or password: leave them out, and put the token into FANFARE_TOKEN";
        return Err(Failure::WrongUse(words.into()));
    }
    Ok(url)
}

/// An address that listens for everybody is reached through the machine itself.
fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() && address.is_ipv4() => format!("127.0.0.1:{}", address.port()),
        Ok(address) if address.ip().is_unspecified() => format!("[::1]:{}", address.port()),
        _ => listen.to_owned(),
    }
}

/// The token: as told, else this machine's own, which is sent to this machine only.
fn token(settings: &Settings, base: &Url) -> Result<SecretString, Failure> {
    if let Some(token) = &settings.token {
        return Ok(token.clone());
    }
    if settings.url.is_some() && !is_this_machine(base) {
        return Err(Failure::WrongUse(
            "there is no token for the server that FANFARE_URL names: put one into FANFARE_TOKEN".into(),
        ));
    }
    if let Some(token) = &settings.admin_token {
        return Ok(token.clone());
    }
    let file = settings.data_dir.join(TOKEN_FILE);
    let place = file.display();
    match secret_files::read(&file) {
        Ok(Some(token)) => Ok(token),
        Ok(None) => Err(Failure::WrongUse(format!(
            "there is no token: put one into FANFARE_TOKEN, or run this where the server's data directory is \
             (FANFARE_DATA_DIR; {place} does not exist)"
        ))),
        Err(error) => {
            Err(Failure::WrongUse(format!("{place} cannot be read: {error}. FANFARE_TOKEN can hold a token")))
        }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: Option<&str>) -> Settings {
        Settings { url: url.map(Into::into), ..Settings::default() }
    }

    #[test]
    fn the_server_is_where_it_listens_unless_told() {
        let base = |settings: &Settings| base_url(settings).map(|url| url.to_string()).map_err(|f| f.code());
        assert_eq!(base(&settings(None)).unwrap(), "http://127.0.0.1:8600/");
        for (listen, url) in [
            ("0.0.0.0:80", "http://127.0.0.1/"),
            ("[::]:9000", "http://[::1]:9000/"),
            ("10.0.0.7:9000", "http://10.0.0.7:9000/"),
            ("localhost:9000", "http://localhost:9000/"),
        ] {
            assert_eq!(base(&Settings { listen: listen.into(), ..settings(None) }).unwrap(), url);
        }
        assert_eq!(base(&settings(Some("https://a.example/fanfare"))).unwrap(), "https://a.example/fanfare");
        for wrong in ["a.example:8600", "ftp://a.example", "http://me:s3cret@a.example", "nonsense"] {
            assert_eq!(base(&settings(Some(wrong))), Err(2), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_put_together_safely() {
        let base = Url::parse("https://a.example/fanfare/").unwrap();
        let query = [("state", Some("dead".to_owned())), ("event_type", None), ("cursor", Some("a&b".to_owned()))];
        let url = address(&base, &["jobs", "a/b?c", "runs"], &query);
        assert_eq!(url.as_str(), "https://a.example/fanfare/api/v1/jobs/a%2Fb%3Fc/runs?state=dead&cursor=a%26b");
    }

    #[test]
    fn the_machines_own_token_stays_on_the_machine() {
        let own = |url: Option<&str>| {
            let settings = Settings { admin_token: Some("own".into()), ..settings(url) };
            token(&settings, &base_url(&settings).unwrap()).map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(own(None).unwrap(), "own");
        assert_eq!(own(Some("http://127.0.0.1:9000")).unwrap(), "own");
        assert_eq!(own(Some("https://other.example")).unwrap_err().code(), 2);
        let settings = Settings { token: Some("theirs".into()), ..settings(Some("https://other.example")) };
        let base = base_url(&settings).unwrap();
        assert_eq!(token(&settings, &base).unwrap().expose_secret(), "theirs");
    }

    /// Computed with another language's HMAC-SHA256.
    #[test]
    fn what_is_sent_is_signed() {
        let signer = Signer::new(&"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into()).unwrap();
        let now = Timestamp::from_millisecond(1_773_450_153_999).unwrap();
        let body = "{\"title\":\"Grüße\"}".as_bytes();
        let headers = signer.headers("019ce8a4-1f00-7000-8000-0000000000d1", now, body).unwrap();
        assert_eq!(headers[1], (HEADER_WEBHOOK_TIMESTAMP, "1773450153".to_owned()));
        assert_eq!(headers[2].1, "v1,ReLRpIJlVHz04LX5rU/F0Bb2j2m73OmDkMbwB2ZXH/k=");
        for wrong in ["C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_!", ""] {
            let refused = Signer::new(&wrong.into()).unwrap_err();
            assert!(refused.code() == 2 && !format!("{refused:?}").contains("C2FVs"), "{wrong}");
        }
    }

    #[test]
    fn without_a_token_the_way_to_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: dir.path().into(), ..settings(None) };
        let base = base_url(&settings).unwrap();
        let refused = token(&settings, &base).unwrap_err();
        assert!(refused.words().unwrap().contains("FANFARE_TOKEN"));
        std::fs::write(dir.path().join("admin-token"), "from-file\n").unwrap();
        assert_eq!(token(&settings, &base).unwrap().expose_secret(), "from-file");
    }
}
