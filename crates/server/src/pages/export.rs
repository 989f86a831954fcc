//! The whole configuration as one document: out, and in again after a look at what that would change.

use maud::html;

use super::{
    Html,
    frame::Page,
    icons::icon,
    parts::{Tone, note},
    visitor::Administrator,
};

pub(super) async fn show(Administrator(visitor): Administrator) -> Html {
    let page = Page {
        title: "Export and import",
        lead: html! { "The whole configuration as one document: for another server, or for a rainy day." },
        above: &[],
        action: html! {},
    };
    let content = html! {
        div.split {
            form.card data-export="/api/v1/export" novalidate {
                div.card-head { div { h2 { "Export" } p { "Channels, jobs, settings, accounts and tokens, with their ids. No history." } } }
                div.card-body {
                    div.field {
                        label for="export-passphrase" { "Passphrase" }
                        input #export-passphrase name="/passphrase" type="password" required minlength="8" autocomplete="new-password" aria-describedby="export-passphrase-help export-passphrase-error";
                        p.help #export-passphrase-help { "At least 8 characters. It seals the secrets in the document; whoever loses it loses them." }
                        p.error #export-passphrase-error {}
                    }
                    p.error data-general-error {}
                }
                div.card-foot { button.button.primary.script-only type="submit" { (icon("export")) "Download the export" } }
            }
            form.card #import-form data-import="/api/v1/import" data-report="import-report" novalidate {
                div.card-head { div { h2 { "Import" } p { "First you see what would change; nothing is written until you say so." } } }
                div.card-body {
                    div.field {
                        label for="import-document" { "Exported document" }
                        input #import-document name="/document" type="file" accept=".json,application/json" required aria-describedby="import-document-error";
                        p.error #import-document-error {}
                    }
                    div.field {
                        label for="import-passphrase" { "Its passphrase" }
                        input #import-passphrase name="/passphrase" type="password" required autocomplete="off" aria-describedby="import-passphrase-error";
                        p.error #import-passphrase-error {}
                    }
                    p.error data-general-error {}
                }
                div.card-foot { button.button.primary.script-only type="submit" { (icon("search")) "See what would change" } }
            }
        }
        section.card #import-report aria-labelledby="report-title" aria-live="polite" hidden {
            div.card-head { h2 #report-title tabindex="-1" { "What would change" } span.badge data-verdict {} }
            div data-sections {}
            div.card-foot data-apply hidden {
                button.button.danger-fill type="button" data-apply-import data-confirm="Import this configuration?" data-confirm-detail="All of it or nothing: what is not in a section of the document is removed. Accounts may change too, so you may have to sign in again." { (icon("import")) "Apply these changes" }
            }
        }
        (note(Tone::Plain, html! { p {
            "Programs do the same with " code { "fanfare export" } " and " code { "fanfare import" } ". To keep channels and jobs in a file beside your code, there is " code { "fanfare apply" } ", which takes only what it mentions."
        } }))
    };
    page.with(&visitor, content)
}
