# Habits as commands. Nothing needs just: each recipe is one line that can be run by hand.

# The recipes.
default:
    @just --list

# From a clone to a streamed answer and its trace.
quickstart:
    ./quickstart

# Everything that CI checks.
check:
    ./check

# The real proxy and the real Codex on a scripted model.
demo *args:
    CODEX_BIN="$PWD/node_modules/.bin/codex" cargo run --release --bin codex-proxy -- demo {{args}}

# The tests of one crate; end-to-end tests need what ./check installs.
test crate *args:
    CODEX_BIN="$PWD/node_modules/.bin/codex" PYTHON="$PWD/.venv/bin/python" cargo test -p {{crate}} {{args}}

# The lints of one crate.
lint crate:
    cargo clippy -p {{crate}} --all-targets -- -D warnings

# Formats everything.
fmt:
    cargo fmt --all

# Documentation of the code, in a browser.
doc:
    cargo doc --workspace --no-deps --open

# Writes docs/configuration.md anew after a change of the settings.
update-docs:
    UPDATE_DOCS=1 cargo test --test config

# Licenses, sources and bans of the dependencies.
deny:
    cargo deny --all-features check bans licenses sources
