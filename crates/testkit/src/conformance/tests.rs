//! That the checks find what they are there for.

use fanfare_core::{AttemptInfo, verdict};
use http::Response;

use super::*;

/// A channel whose body and header are what a function says.
#[derive(Debug)]
struct Odd(fn(&Notification) -> (String, &'static str));

impl HttpChannel for Odd {
    fn request(&self, notification: &Notification, _: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let (body, header) = (self.0)(notification);
        Ok(Request::post("https://h.example/").header("x-key", header).body(body.into()).unwrap())
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        verdict(response, info.at)
    }
}

async fn found(odd: fn(&Notification) -> (String, &'static str), rules: Rules) -> String {
    let subject = Subject::new(Http(Odd(odd)), &["s3cr3t-token"]).checked_by(rules);
    let panic = tokio::spawn(async move { check(&subject).await }).await.unwrap_err().into_panic();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn a_channel_without_a_flaw_passes() {
    let subject = Subject::new(Http(Odd(|said| (said.title.clone(), "key"))), &["s3cr3t-token"]);
    check(&subject.checked_by(|_| Ok(()))).await;
}

#[tokio::test]
async fn what_a_service_refuses_is_found_in_its_smallest_form() {
    let odd = |said: &Notification| ("x".repeat(said.fields.len()), "key");
    // So many that only the generated notifications have them.
    let found = found(odd, |request| match request.body().len() {
        7..60 => Err("7 to 59 fields are refused".into()),
        _ => Ok(()),
    });
    let found = found.await;
    assert!(found.starts_with("7 to 59 fields are refused\nwith Notification"), "{found}");
    assert_eq!(found.matches("Field {").count(), 7, "{found}");
}

#[tokio::test]
async fn secrets_are_found() {
    let body = found(|said| (format!("{} czNjcjN0LXRva2Vu", said.title), "key"), |_| Ok(())).await;
    assert!(body.starts_with("the payload shows a secret as czNj"), "{body}");
    let header = found(|said| (said.title.clone(), "Bearer s3cr3t-token"), |_| Ok(())).await;
    assert!(header.starts_with("the header x-key, not marked as sensitive, shows"), "{header}");
}

#[tokio::test]
async fn what_differs_the_second_time_is_found() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static SENT: AtomicU32 = AtomicU32::new(0);
    let found = found(|_| (SENT.fetch_add(1, Ordering::Relaxed).to_string(), "key"), |_| Ok(())).await;
    assert!(found.starts_with("the request is not the same twice"), "{found}");
}
