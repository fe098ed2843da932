#![no_main]

#[path = "../../scrubbers/tests/support/invariants.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

// How long the pieces are, and the text.
fuzz_target!(|data: (Vec<u8>, &str)| invariants::deltas(data.1, &data.0));
