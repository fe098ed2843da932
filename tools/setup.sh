# shellcheck shell=bash
# What ./quickstart and ./check share. Sourced by them, in the top folder.

# fail MESSAGE…: ends the script, one line per argument.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf '       %s\n' "$@" >&2
    exit 1
}

# need COMMAND WHAT: ends the script unless COMMAND is there.
need() {
    command -v "$1" >/dev/null || fail "$1 was not found in PATH." "$2"
}

# at_least NAME WANTED FOUND: ends the script unless the version FOUND (major.minor…) is WANTED (major.minor) or newer.
at_least() {
    local name=$1 wanted=$2 found=$3
    local wanted_major=${wanted%%.*} wanted_minor=${wanted#*.} major minor
    IFS=. read -r major minor _ <<<"$found"
    if ((major < wanted_major || (major == wanted_major && minor < wanted_minor))); then
        fail "$name $found is too old; $wanted or newer is needed."
    fi
}

# What building and running the proxy takes.
need_tools() {
    local node rust
    need cargo 'Install Rust: a toolchain of 1.89 or newer, for example with rustup.'
    need rustc 'Install Rust: a toolchain of 1.89 or newer, for example with rustup.'
    need cc 'Install a C compiler, for example the package build-essential (Debian) or gcc (Fedora).'
    need node 'Install Node.js 20 or newer.'
    need npm 'Install npm; it comes with most packages of Node.js.'
    rust=$(rustc --version)
    at_least Rust 1.89 "$(cut -d' ' -f2 <<<"$rust")"
    node=$(node --version)
    at_least Node.js 20.0 "${node#v}"
}

# install_codex_proto: installs what tools/codex-proto pins, unless it is there already: Codex 0.40.0, for the fallback backend. It
# has a folder of its own because npm would link both versions as `codex`. Its install script fetches a search tool that is of no
# use here.
install_codex_proto() {
    local folder=tools/codex-proto
    if cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed"; then
        return
    fi
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    cp "$folder/package-lock.json" "$folder/node_modules/.installed"
}

# install_packages prod|all: installs what package-lock.json pins, unless it is there already. prod is Codex alone; all adds
# what the tests need.
install_packages() {
    local scope=$1 stamp omit=()
    for stamp in "node_modules/.installed-$scope" node_modules/.installed-all; do
        if cmp -s package-lock.json "$stamp"; then
            return
        fi
    done
    [[ $scope == all ]] || omit=(--omit=dev)
    npm ci --no-audit --no-fund --loglevel=error "${omit[@]}"
    # npm begins with an empty node_modules, so a stamp never outlives what it stands for.
    cp package-lock.json "node_modules/.installed-$scope"
}
