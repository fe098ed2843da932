#![no_main]

#[path = "../../tests/support/request.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    invariants::request(body);
});
