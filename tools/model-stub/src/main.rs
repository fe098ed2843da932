//! `model-stub`: a scripted OpenAI Responses API upstream on loopback.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use model_stub::{ModelStub, RequestLog, SCRIPTS};
use tokio::signal::unix::{SignalKind, signal};

/// A scripted OpenAI Responses API upstream on loopback: it answers POST /v1/responses as the prompt says.
///
/// GET /stub/requests returns the requests so far as a JSON array, each with its `outcome`: running, completed, or
/// disconnected when the client hung up before the end. DELETE /stub/requests clears them.
#[derive(Debug, Parser)]
#[command(version, after_long_help = SCRIPTS)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Append one JSON line per request to this file.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let mut stub = ModelStub::bind(SocketAddr::new(args.host, args.port)).await?;
    if let Some(path) = &args.log {
        let log = RequestLog::open(path);
        let log = log.map_err(|error| format!("model-stub cannot open its log {}: {error}", path.display()))?;
        stub = stub.with_log(log);
    }
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("model-stub listening on {}", stub.base_url());
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(stub.serve(stop).await?)
}
