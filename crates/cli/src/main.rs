#![doc = include_str!("../README.md")]

mod args;
mod client;
mod commands;
mod config;
mod failure;
mod output;
mod panics;
mod passphrase;
mod password;
mod problem;
mod secret_files;
mod serve;

use std::{path::Path, process::ExitCode};

use clap::{CommandFactory, Parser, error::ErrorKind};
use tokio::runtime::{Builder, Runtime};

use args::{ChannelsCommand, Cli, Command, EventTypesCommand, ServeFlags};
use client::Client;
use commands::Session;
use config::Loaded;
use failure::Failure;
use output::Screen;

/// Events are many small allocations that live briefly and are freed by another thread; the C library's allocator
/// spends a tenth of all time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Fails only where a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    panics::tell_the_user();
    let cli = Cli::parse();
    let json = cli.common.json;
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if let Failure::Refused(problem) = &failure
                && json
                && problem.is_json()
            {
                // The exit code tells of the failure that counts.
                let _ = output::print(&String::from_utf8_lossy(&problem.body));
            }
            if let Some(words) = failure.words() {
                eprintln!("fanfare: {words}");
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<u8, Failure> {
    let Cli { common, serve: outer, command } = cli;
    let load = |flags: &[&ServeFlags]| {
        let loaded = config::load(&common, flags, std::env::vars_os(), Path::new(""));
        loaded.map_err(|error| Failure::WrongUse(error.to_string()))
    };
    let command = match command {
        None => Command::Serve(Box::default()),
        Some(command) => command,
    };
    if let Command::Serve(inner) = &command {
        if common.json || common.url.is_some() {
            return Err(misplaced("--json and --url are for the commands that talk to a server, not for serve"));
        }
        let loaded = load(&[&outer, inner])?;
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers());
        return runtime(builder)?.block_on(serve::serve(&loaded)).map(|()| DONE);
    }
    if outer != ServeFlags::default() {
        return Err(misplaced("the options of serve go with serve only"));
    }
    let settings = load(&[]).map(|Loaded { settings, warnings, .. }| {
        for warning in warnings {
            eprintln!("fanfare: warning: {warning}");
        }
        settings
    });
    let runtime = runtime(Builder::new_current_thread())?;
    if let Command::Run(args) = command {
        // The command runs even where its run cannot be reported.
        let link = settings.and_then(|settings| commands::Link::new(&settings));
        let code = runtime.block_on(commands::run_command(args, common.json, link));
        // The look-up of a name may still be under way, and has had its time.
        runtime.shutdown_background();
        return code;
    }
    if let Command::Channels(ChannelsCommand::Preview(args)) = &command
        && fanfare::registry().get(&args.channel).is_ok()
    {
        return commands::preview_kind(args, &settings?, &Screen::stdout(), common.json).map(|()| DONE);
    }
    if let Command::EventTypes(EventTypesCommand::Check { files }) = &command {
        return commands::check_event_types(files, &Screen::stdout(), common.json).map(|()| DONE);
    }
    let client = Client::new(&settings?).map_err(|failure| match &command {
        Command::Channels(ChannelsCommand::Preview(args)) => commands::no_kind(args, failure),
        _ => failure,
    })?;
    let session = Session { client, screen: Screen::stdout(), json: common.json };
    runtime.block_on(commands::run(command, &session)).map(|()| DONE)
}

/// The exit code of what was done.
const DONE: u8 = 0;

/// One for each core but one, which the database's own thread keeps busy: threads that wake one another for every
/// event cost more than they bring.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

fn runtime(mut builder: Builder) -> Result<Runtime, Failure> {
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("the system gives no threads or events: {error}")))
}

/// An option in the wrong place, said as all wrong use is.
fn misplaced(words: &str) -> Failure {
    Cli::command().error(ErrorKind::ArgumentConflict, words).exit()
}
