//! What Teams is sent, and what its answers mean.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{ChannelConfig, ErrorKind, Http, HttpChannel, Receipt, SendError};
use fanfare_teams::{Teams, TeamsConfig};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{backup_success, info, info_with, typical},
    rules,
};
use http::Response;
use rstest::rstest;
use serde_json::{Value, from_value, json};

const WORKFLOW: &str = "https://prod-01.westeurope.logic.azure.com:443/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=S1gn4ture_s3cr3t-x";
const CONNECTOR: &str = "https://tenant.webhook.office.com/webhookb2/aaaa@bbbb/IncomingWebhook/K3yOfTheConnector/dddd";

fn teams(url: &str) -> Http<Teams> {
    from_value::<TeamsConfig>(json!({"webhook_url": url})).unwrap().build().unwrap()
}

fn answer(url: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Result<Receipt, SendError> {
    let response = headers.iter().fold(Response::builder().status(status), |response, (n, v)| response.header(*n, *v));
    teams(url).0.receipt(&response.body(Bytes::from(body.to_owned())).unwrap(), &info())
}

fn said(answer: &Result<Receipt, SendError>) -> (&'static str, &str) {
    answer.as_ref().map_or_else(|e| (e.outcome(), e.detail.as_str()), |r| ("delivered", r.detail.as_str()))
}

#[tokio::test]
async fn a_workflow_conforms() {
    let subject = Subject::new(teams(WORKFLOW), &["S1gn4ture_s3cr3t-x"]);
    conformance::check(&subject.checked_by(rules::teams::check)).await;
}

#[tokio::test]
async fn a_connector_conforms() {
    conformance::check(&Subject::new(teams(CONNECTOR), &["K3yOfTheConnector"]).succeeding_with("1")).await;
}

#[test]
fn typical_messages() {
    for (name, notification) in typical() {
        let request = teams(CONNECTOR).0.request(&notification, &info()).unwrap();
        rules::teams::check(&request).unwrap();
        insta::assert_json_snapshot!(name, serde_json::from_slice::<Value>(request.body()).unwrap());
    }
}

#[test]
fn variables_are_read_when_they_are_used() {
    let channel = from_value::<TeamsConfig>(json!({"webhook_url": {"env": "URL"}})).unwrap().build().unwrap();
    let vars = Vars::new([("URL", WORKFLOW)]);
    let request = channel.0.request(&backup_success(), &info_with(&vars)).unwrap();
    assert_eq!(request.uri().to_string(), WORKFLOW.replace(":443", ""));
    for vars in [Vars::new([]), Vars::new([("URL", "https://teams.microsoft.com/")])] {
        let error = channel.0.request(&backup_success(), &info_with(&vars)).unwrap_err();
        assert_eq!(error.outcome(), "misconfigured", "{error}");
    }
}

#[rstest]
#[case("https://teams.microsoft.com/l/channel/s3cr3t", "neither")]
#[case("https://prod-01.logic.azure.com/workflows/a/triggers/manual/paths/invoke?api-version=s3cr3t", "sig=")]
fn mistakes_name_their_place_and_show_no_address(#[case] url: &str, #[case] says: &str) {
    let faults = from_value::<TeamsConfig>(json!({"webhook_url": url})).unwrap().build().unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, "/webhook_url");
    assert!(faults[0].detail.contains(says) && !faults[0].detail.contains("s3cr3t"), "{faults:?}");
}

#[rstest]
#[case(json!({}))]
#[case(json!({"webhook_url": "ftp://x.example/webhookb2/a"}))]
#[case(json!({"webhook_url": CONNECTOR, "title": "x"}))]
fn documents_of_another_form_are_refused(#[case] config: Value) {
    assert!(from_value::<TeamsConfig>(config).is_err());
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", fanfare_core::Kind::of::<TeamsConfig>().config_schema());
}

#[rstest]
#[case(202, "", ("delivered", "202 Accepted"))]
#[case(200, "", ("delivered", "200 OK"))]
#[case(400, r#"{"error": {"code": "WorkflowTriggerIsNotEnabled", "message": "The flow is off."}}"#,
       ("misconfigured", "400 Bad Request: WorkflowTriggerIsNotEnabled: The flow is off."))]
#[case(400, r#"{"error": {"code": "TriggerInputSchemaMismatch", "message": "Expected Array."}}"#,
       ("misconfigured", "400 Bad Request: TriggerInputSchemaMismatch: Expected Array."))]
#[case(400, r#"{"error": {"code": "InvalidTemplate", "message": "No."}}"#,
       ("rejected", "400 Bad Request: InvalidTemplate: No."))]
#[case(401, r#"{"error": {"code": "DirectApiAuthorizationRequired", "message": "No."}}"#,
       ("misconfigured", "401 Unauthorized: DirectApiAuthorizationRequired: No."))]
#[case(404, r#"{"error": {"code": "WorkflowNotFound", "message": "Gone."}}"#,
       ("misconfigured", "404 Not Found: WorkflowNotFound: Gone."))]
#[case(413, "Request Entity too large", ("rejected", "413 Payload Too Large: Request Entity too large"))]
#[case(502, r#"{"error": {"code": "NoResponse", "message": "Nothing."}}"#,
       ("temporary", "502 Bad Gateway: NoResponse: Nothing."))]
fn answers_of_a_workflow(#[case] status: u16, #[case] body: &str, #[case] expected: (&str, &str)) {
    assert_eq!(said(&answer(WORKFLOW, status, &[], body)), expected);
}

#[rstest]
#[case(200, " 1\n", ("delivered", "200 OK: 1"))]
#[case(200, "", ("unknown", "200 OK"))]
#[case(200, "Something else", ("unknown", "200 OK: Something else"))]
#[case(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
       ("rate_limited", "200 OK: Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x"))]
#[case(200, "endpoint returned HTTP error 413 with ContextId x",
       ("rejected", "200 OK: endpoint returned HTTP error 413 with ContextId x"))]
#[case(200, "endpoint returned HTTP error 403", ("misconfigured", "200 OK: endpoint returned HTTP error 403"))]
#[case(200, "endpoint returned HTTP error 502", ("temporary", "200 OK: endpoint returned HTTP error 502"))]
#[case(200, "Request Entity too large", ("rejected", "200 OK: Request Entity too large"))]
#[case(400, "Summary or Text is required.", ("rejected", "400 Bad Request: Summary or Text is required."))]
#[case(404, "No webhook", ("misconfigured", "404 Not Found: No webhook"))]
fn answers_of_a_connector(#[case] status: u16, #[case] body: &str, #[case] expected: (&str, &str)) {
    let answer = answer(CONNECTOR, status, &[], body);
    assert_eq!(said(&answer), expected);
    assert_eq!(answer.map_or_else(|e| e.status, |r| r.status), Some(status));
}

#[test]
fn full_is_full_until() {
    let after = Some(Duration::from_secs(30));
    for (url, status, body) in [(WORKFLOW, 429, ""), (CONNECTOR, 200, "returned HTTP error 429 with")] {
        let error = answer(url, status, &[("retry-after", "30")], body).unwrap_err();
        assert_eq!(error.kind, ErrorKind::RateLimited { after });
    }
}
