//! The commands that talk to a server. Each has pure functions for its request and for the text that shows the
//! answer; the session does the rest.

mod answers;
mod audit;
mod channels;
mod check;
mod configure;
mod deliveries;
mod event_types;
mod events;
mod explain;
mod import;
mod jobs;
mod keys;
mod outbound;
mod pairs;
mod preview;
mod run;
mod send;
mod session;
mod settings;
mod tokens;
mod users;
mod wording;

pub(crate) use check::event_types as check_event_types;
pub(crate) use preview::{no_kind, of_kind as preview_kind};
pub(crate) use run::{Link, run as run_command};
pub(crate) use session::Session;
mod watch;

use crate::{
    args::{
        AuditCommand, ChannelsCommand, Command, DeliveriesCommand, EventTypesCommand, EventsCommand, JobsCommand,
        KeysCommand, KindsCommand, OutboundCommand, TokensCommand, UsersCommand,
    },
    failure::Failure,
};

/// Runs a command.
pub(crate) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Serve(_) | Command::Run(_) | Command::EventTypes(EventTypesCommand::Check { .. }) => {
            Err(Failure::WrongUse("this command has a way of its own".into()))
        }
        Command::Send(args) => send::run(args, session).await,
        Command::Explain(args) => explain::run(args, session).await,
        Command::Channels(ChannelsCommand::List) => channels::list(session).await,
        Command::Channels(ChannelsCommand::Show { channel }) => channels::show(&channel, session).await,
        Command::Channels(ChannelsCommand::Test { channel }) => channels::test(&channel, session).await,
        Command::Channels(ChannelsCommand::Preview(args)) => preview::of_channel(&args, session).await,
        Command::Channels(ChannelsCommand::Kinds) | Command::ChannelKinds(KindsCommand::List) => {
            channels::kinds(session).await
        }
        Command::EventTypes(EventTypesCommand::List) => event_types::list(session).await,
        Command::EventTypes(EventTypesCommand::Show { event_type }) => event_types::show(&event_type, session).await,
        Command::EventTypes(EventTypesCommand::Test(args)) | Command::Events(EventsCommand::Test(args)) => {
            event_types::test(args, session).await
        }
        Command::EventTypes(EventTypesCommand::Wording(args)) => wording::of_event_type(args, session).await,
        Command::Jobs(JobsCommand::Wording(args)) => wording::of_job(args, session).await,
        Command::Channels(ChannelsCommand::Create(args)) => configure::create_channel(args, session).await,
        Command::Channels(ChannelsCommand::Update(args)) => configure::update_channel(args, session).await,
        Command::Channels(ChannelsCommand::Enable { channel }) => configure::enable(&channel, true, session).await,
        Command::Channels(ChannelsCommand::Disable { channel }) => configure::enable(&channel, false, session).await,
        Command::Channels(ChannelsCommand::Delete(args)) => configure::delete_channel(args, session).await,
        Command::EventTypes(EventTypesCommand::Decide(decision)) | Command::Events(EventsCommand::Decide(decision)) => {
            settings::decide(decision, session).await
        }
        Command::Settings(command) => settings::run(command, session).await,
        Command::Jobs(JobsCommand::Create(args)) => configure::create_job(args, session).await,
        Command::Jobs(JobsCommand::Update(args)) => configure::update_job(args, session).await,
        Command::Jobs(JobsCommand::Delete { job }) => configure::delete_job(&job, session).await,
        Command::Jobs(JobsCommand::PingKey(args)) => jobs::ping_key(args, session).await,
        Command::Jobs(JobsCommand::List) => jobs::list(session).await,
        Command::Jobs(JobsCommand::Show { job }) => jobs::show(&job, session).await,
        Command::Events(EventsCommand::List(stretch)) => events::list(stretch, session).await,
        Command::Events(EventsCommand::Show { event }) => events::show(&event, session).await,
        Command::Deliveries(DeliveriesCommand::List(filters)) => deliveries::list(filters, session).await,
        Command::Deliveries(DeliveriesCommand::Show { delivery }) => deliveries::show(&delivery, session).await,
        Command::Deliveries(DeliveriesCommand::Retry(args)) => deliveries::retry(args, session).await,
        Command::Deliveries(DeliveriesCommand::Watch) => watch::watch(session).await,
        Command::Export(args) => import::export(&args, session).await,
        Command::Import(args) => import::import(&args, session).await,
        Command::Apply(args) => import::apply(&args, session).await,
        Command::Keys(KeysCommand::Rotate) => keys::rotate(session).await,
        Command::Outbound(OutboundCommand::Show) => outbound::show(session).await,
        Command::Outbound(OutboundCommand::Allow { networks }) => outbound::allow(&networks, session).await,
        Command::Outbound(OutboundCommand::Forbid { networks }) => outbound::forbid(&networks, session).await,
        Command::Users(UsersCommand::List) => users::list(session).await,
        Command::Users(UsersCommand::Create { email, name, role }) => users::create(&email, &name, role, session).await,
        Command::Users(UsersCommand::Update(args)) => users::update(&args, session).await,
        Command::Users(UsersCommand::Delete { user }) => users::delete(&user, session).await,
        Command::Tokens(TokensCommand::List) => tokens::list(session).await,
        Command::Tokens(TokensCommand::Create(args)) => tokens::create(args, session).await,
        Command::Tokens(TokensCommand::Delete { token }) => tokens::delete(&token, session).await,
        Command::Audit(AuditCommand::List { filters, stretch }) => audit::list(filters, stretch, session).await,
        Command::Audit(AuditCommand::Export { filters, format }) => audit::export(filters, format, session).await,
    }
}
