//! The kinds of channel that come with Fanfare: one visible list, one line each.

use fanfare_core::{Kind, Registry};

/// All kinds of channel.
pub fn registry() -> Registry {
    Registry::default()
        .with(Kind::of::<fanfare_discord::DiscordConfig>())
        .with(Kind::of::<fanfare_slack::SlackConfig>())
        .with(Kind::of::<fanfare_teams::TeamsConfig>())
        .with(Kind::of::<fanfare_webhook::WebhookConfig>())
        .with(Kind::of::<fanfare_email::EmailConfig>())
        .with(Kind::of::<fanfare_telegram::TelegramConfig>())
        .with(Kind::of::<fanfare_gotify::GotifyConfig>())
        .with(Kind::of::<fanfare_ntfy::NtfyConfig>())
        .with(Kind::of::<fanfare_twilio::TwilioConfig>())
}
