//! The two kinds of address that Teams gives out, told apart by their paths. Which host they name is not checked.

use url::Url;

/// What stands behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// A workflow of Power Automate: its status says how it went.
    Workflow,
    /// A connector of the old kind: it says so in words.
    Connector,
}

/// What an address belongs to, or why it is none of Teams.
pub(crate) fn service(url: &Url) -> Result<Service, String> {
    let segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [.., "workflows", _, "triggers", _, "paths", "invoke"] => {
            let signed = url.query_pairs().any(|(name, value)| name == "sig" && !value.is_empty());
            let cut = "the end of the address is missing: it holds sig=…, the key of the workflow; copy all of it";
            if signed { Ok(Service::Workflow) } else { Err(cut.into()) }
        }
        ["webhookb2" | "webhook", _, ..] => Ok(Service::Connector),
        _ => Err("this is neither the address of a workflow (…/workflows/…/triggers/…/paths/invoke?…) nor of a \
                  connector (…/webhookb2/…): copy it from the step \"When a Teams webhook request is received\""
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Service::{Connector, Workflow};

    #[rstest::rstest]
    #[case(
        "https://prod-01.westeurope.logic.azure.com:443/workflows/ab12/triggers/manual/paths/invoke?api-version=1&sig=k",
        Workflow
    )]
    #[case(
        "https://x.api.powerplatform.com/powerautomate/automations/direct/workflows/a/triggers/manual/paths/invoke/?sig=k",
        Workflow
    )]
    #[case("http://127.0.0.1:9000/workflows/a/triggers/When_a_request/paths/invoke?sig=k", Workflow)]
    #[case("https://t.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d", Connector)]
    #[case("https://outlook.office.com/webhook/a@b/IncomingWebhook/c/d", Connector)]
    fn addresses(#[case] url: &str, #[case] expected: Service) {
        assert_eq!(service(&Url::parse(url).unwrap()), Ok(expected));
    }

    #[rstest::rstest]
    #[case("https://logic.azure.com/workflows/a/triggers/manual/paths/invoke", "sig=")]
    #[case("https://logic.azure.com/workflows/a/triggers/manual/paths/invoke?sig=", "sig=")]
    #[case("https://logic.azure.com/workflows/a/triggers/manual?sig=k", "neither")]
    #[case("https://t.webhook.office.com/webhookb2/", "neither")]
    #[case("https://teams.microsoft.com/l/channel/x", "neither")]
    fn other_addresses(#[case] url: &str, #[case] why: &str) {
        let refused = service(&Url::parse(url).unwrap()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
