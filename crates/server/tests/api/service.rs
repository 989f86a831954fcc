//! Health, metrics, and the document of the API with its page.

use serde_json::json;

use crate::common::{Api, TOKEN};

pub(crate) async fn service(api: &Api) {
    assert_eq!(api.get("/healthz").await.expect(200), json!({"status": "ok"}));
    assert_eq!(api.get("/readyz").await.expect(200), json!({"status": "ok"}));
    let metrics = api.get("/metrics").await;
    assert!(metrics.text.contains("\nfanfare_deliveries_accepted_total 0\n"), "{}", metrics.text);
    for state in ["pending", "held", "delivered", "suppressed", "dead"] {
        assert!(metrics.text.contains(&format!("fanfare_deliveries{{state=\"{state}\"}} 0\n")), "{}", metrics.text);
    }
    let document = api.get("/api/openapi.json").await.expect(200);
    assert_eq!(document, fanfare_server::openapi(api.engine.catalog()));
    let media = &document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(media["examples"]["user_login"]["value"]["type"], "user_login");
    assert!(media["examples"].get("backup_success").is_none(), "runs are reported to their job");
}

#[tokio::test]
async fn the_docs_page_comes_from_here_alone() {
    let api = Api::start().await;
    let bearer = format!("Bearer {}", TOKEN);
    let headers = [("authorization", bearer.as_str())];
    let moved = api.raw("GET", "/api/docs", None, &headers).await;
    assert_eq!((moved.status.as_u16(), moved.headers["location"].to_str().unwrap()), (308, "/api/docs/"));
    let page = api.raw("GET", "/api/docs/", None, &headers).await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert!(!page.text.contains("//cdn") && !page.text.contains("https://"), "{}", page.text);
    let script = api.raw("GET", "/api/docs/swagger-initializer.js", None, &headers).await;
    assert!(
        script.text.contains("/api/openapi.json") && script.text.contains("\"validatorUrl\": \"none\""),
        "{}",
        script.text
    );
    api.raw("GET", "/api/docs/nothing.js", None, &headers).await.expect(404);
}

#[test]
fn the_document_is_complete() {
    let document = fanfare_server::openapi(&fanfare::core::Catalog::builtin().unwrap());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{what} has no summary");
            assert!(operation["security"].is_array(), "{what} declares no scope");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{what} needs one tag");
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            assert_eq!(parameters.iter().filter(|p| p["in"] == "path").count(), named, "{what}");
        }
    }
    let text = document.to_string();
    for (at, _) in text.match_indices("\"$ref\":\"#/components/schemas/") {
        let name = text[at..].split('"').nth(3).unwrap().rsplit('/').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "the schema {name} is missing");
    }
}
