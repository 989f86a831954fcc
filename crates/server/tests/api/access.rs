//! Who is let in.

use serde_json::{Value, json};

use crate::common::{Api, filled};

/// What goes wrong there is tried out in a file of its own.
pub(crate) async fn access(api: &Api) {
    assert_eq!(api.get("/api/v1/setup").await.expect(200), json!({"open": true}));
    let key = api.accounts.new_setup_key().await.unwrap().unwrap();
    let password = "correct horse battery";
    let first = json!({
        "key": secrecy::ExposeSecret::expose_secret(&key), "name": "Ada", "email": "ada@b.example", "password": password
    });
    api.post("/api/v1/setup", first).await.expect(201);
    let grace = json!({"name": "Grace", "email": "grace@b.example", "role": "viewer", "password": password});
    let location = api.post("/api/v1/users", grace).await.headers["location"].to_str().unwrap().to_owned();
    api.get("/api/v1/users").await.expect(200);
    api.patch(&location, json!({"name": "Grace H."})).await.expect(200);
    api.delete(&location).await.expect(204);
    let token = json!({"name": "t", "scope": "send", "event_types": ["system_error"]});
    let location = api.post("/api/v1/tokens", token).await.headers["location"].to_str().unwrap().to_owned();
    api.get("/api/v1/tokens").await.expect(200);
    api.delete(&location).await.expect(204);

    let signed_in = api.post("/api/v1/session", json!({"email": "ada@b.example", "password": password})).await;
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    signed_in.expect(200);
    let ask = async |method: &str, path: &str, body: Option<Value>| {
        let headers = [("cookie", cookie.as_str()), ("fanfare-csrf", "1"), ("content-type", "application/json")];
        let answer = api.raw(method, path, body.map(|body| body.to_string().into()), &headers).await;
        api.check(method, path, &answer);
        answer
    };
    ask("GET", "/api/v1/session", None).await.expect(200);
    let change = json!({"current_password": password, "new_password": "another password"});
    ask("PUT", "/api/v1/session/password", Some(change)).await.expect(204);
    api.get("/api/v1/audit").await.expect(200);
    ask("DELETE", "/api/v1/session", None).await.expect(204);
}

#[tokio::test]
async fn nothing_is_open_but_health_and_readiness() {
    let api = Api::start().await;
    let mut open = Vec::new();
    let basic = [("authorization", "Basic YTpi")];
    let wrong = [("authorization", "Bearer wrong")];
    for (template, method, operation) in api.operations() {
        let needs: Vec<_> = operation["security"].as_array().unwrap().iter().filter(|s| **s != json!({})).collect();
        let method = method.to_uppercase();
        let path = filled(&template);
        if needs.is_empty() {
            open.push(template);
            continue;
        }
        for headers in [&[][..], &basic, &wrong] {
            // A body that would be refused shows that nobody looks at it before the token.
            let answer = api.raw(&method, &path, Some(b"{".into()), headers).await;
            api.check(&method, &path, &answer);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert_eq!(answer.expect(401)["type"], "urn:fanfare:problem:unauthorized", "{method} {path}");
        }
    }
    open.dedup();
    let expected = ["/api/v1/session", "/api/v1/setup", "/healthz", "/ping/{key}", "/ping/{key}/{signal}", "/readyz"];
    assert_eq!(open, expected);
    for path in ["/api/docs", "/api/docs/", "/api/docs/swagger-ui.css"] {
        api.raw("GET", path, None, &[]).await.expect(401);
    }
}
