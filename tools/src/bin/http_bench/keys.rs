//! Whether the time of a refusal tells a key that is nearly right from any other, after dudect (Reparaz, Balasch and Verbauwhede,
//! 2017): two classes of inputs in random order, and Welch's t-test on their times.

use std::time::Instant;

use rand::Rng as _;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::client::{connect, post};
use super::service::{Failure, KEY, Service};

/// dudect's bound: above it, the classes differ for sure.
const T_MAX: f64 = 4.5;

/// The share of the slowest requests that is left out: there the machine was busy with something else.
const CROPPED: f64 = 0.1;

/// Sends the requests and prints what their times tell.
pub(crate) async fn run(requests: usize) -> Result<(), Failure> {
    let service = Service::start().await?;
    let mut socket = connect(&service).await?;
    let near = format!("{}!", &KEY[..KEY.len() - 1]);
    // Of the same letters, so that recording them is the same work.
    let far: String = KEY.chars().rev().collect();
    let (mut near_times, mut far_times) = (Vec::new(), Vec::new());
    for round in 0..requests + 500 {
        let is_near = rand::rng().random::<bool>();
        let took = refused(&mut socket, if is_near { &near } else { &far }).await?;
        // The first few warm caches and branch predictors.
        if round >= 500 {
            if is_near { &mut near_times } else { &mut far_times }.push(took);
        }
    }
    let (near, far) = (Sample::of(near_times), Sample::of(far_times));
    let t = (near.mean - far.mean) / (near.variance / near.count + far.variance / far.count).sqrt();
    println!("{requests} requests with wrong keys, the slowest {:.0} % left out", CROPPED * 100.0);
    println!("last character wrong  {:.2} µs on average", near.mean);
    println!("every character wrong {:.2} µs on average", far.mean);
    let verdict = if t.abs() < T_MAX { "the times tell nothing" } else { "THE TIMES TELL THEM APART" };
    println!("Welch's t {t:.2}, bound ±{T_MAX}: {verdict}");
    Ok(())
}

/// The times of one class, in microseconds.
struct Sample {
    count: f64,
    mean: f64,
    variance: f64,
}

// === impl Sample ===

impl Sample {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of requests are small"
    )]
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_unstable_by(f64::total_cmp);
        times.truncate((times.len() as f64 * (1.0 - CROPPED)) as usize);
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }
}

/// Sends one request and reads its refusal to the end; how long that took, in microseconds.
async fn refused(socket: &mut TcpStream, key: &str) -> Result<f64, Failure> {
    let began = Instant::now();
    post(socket, key, "{}").await?;
    let mut got = Vec::with_capacity(1024);
    // The body is small, and its end is known without counting.
    while !got.ends_with(b"}}") {
        if socket.read_buf(&mut got).await? == 0 {
            return Err("the proxy closed the connection".into());
        }
    }
    let took = began.elapsed().as_secs_f64() * 1e6;
    if got.starts_with(b"HTTP/1.1 401 ") { Ok(took) } else { Err("a wrong key was not refused".into()) }
}
