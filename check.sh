#!/usr/bin/env bash
# Every check of this repository, by name. CI calls this file and nothing else.
#
#   ./check.sh          fmt, types, clippy and docs
#   ./check.sh test     everything that runs: unit tests, end-to-end tests, the tidy test
#   ./check.sh fuzz     broken inputs to every parser, a short run; FUZZ_EXECUTIONS says how long
#   ./check.sh accuracy how right the numbers are, against docs/accuracy.md; UPDATE_ACCURACY=1 writes it
#   ./check.sh NAME...  some of: fmt types clippy docs test tidy accuracy deny fuzz cross all
#
# All steps build the whole workspace in the release profile, so that they share one build of the
# dependencies; they take most of the time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

armv7=armv7-unknown-linux-gnueabihf
aarch64=aarch64-unknown-linux-gnu

say() { printf '== %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs one named step, prints how long it took and fails as it did.
step() {
    local name=$1 began=$SECONDS status=0
    shift
    say "$name: $*"
    "$@" || status=$?
    say "$name: $((SECONDS - began)) s$([ "$status" = 0 ] || echo ", FAILED")"
    return "$status"
}

fmt() { step fmt cargo fmt --all --check; }

# The pages' scripts have no build step; their types stand in comments, and TypeScript checks them there.
types() {
    local tsc=tests/browser/node_modules/.bin/tsc
    if ! have node || ! have npm; then
        say "types: SKIPPED, node and npm are not installed (apt-get install nodejs npm); the pages' types are NOT CHECKED"
        return 0
    fi
    node_modules
    if [ -x "$tsc" ]; then
        step types "$tsc" -p tests/browser/tsconfig.json
    else
        say "types: SKIPPED, npm could not fetch TypeScript; the pages' types are NOT CHECKED"
    fi
}

# What the browser tests and the check of types take from npm.
node_modules() {
    local part
    for part in playwright-core axe-core typescript; do
        if [ ! -d "tests/browser/node_modules/$part" ]; then
            npm ci --prefix tests/browser --no-audit --no-fund --loglevel=error ||
                say "npm could not fetch playwright-core, axe-core and TypeScript; what needs them is skipped by name"
            return 0
        fi
    done
}

clippy() { step clippy cargo clippy --release --workspace --all-targets -- -D warnings; }

docs() { RUSTDOCFLAGS="-D warnings" step docs cargo doc --release --no-deps --workspace; }

tidy() { step tidy cargo test --release --workspace --test venue -- tidy; }

deny() {
    if have cargo-deny; then
        step deny cargo deny --all-features check
    else
        say "deny: SKIPPED, cargo-deny is not installed (cargo install cargo-deny --locked)"
    fi
}

# Installs a Debian package for a command that tests use, where that is allowed.
provide() {
    local command=$1 package=$2
    if have "$command" || [ "$(id -u)" != 0 ] || ! have apt-get; then
        return 0
    fi
    say "installing $package for $command"
    if [ -z "${apt_updated:-}" ]; then
        apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
        apt_updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
        say "could not install $package; the tests that need it are skipped by name"
}

# What end-to-end tests need beyond Rust and a C compiler. Each is optional: a test without its tool
# skips itself by name.
tools() {
    have chromium || have chromium-browser || have google-chrome || provide chromium chromium
    PATH="$PATH:/usr/sbin" provide mosquitto mosquitto
    provide node nodejs
    provide npm npm
    provide dbus-daemon dbus-daemon
    PATH="$PATH:/usr/sbin:/usr/libexec/bluetooth" provide bluetoothd bluez
    provide python3 python3-venv
    # Bumble and RootCanal: Bluetooth that others wrote.
    if have python3 && [ ! -x target/peers/bin/bumble-scan ]; then
        { python3 -m venv target/peers && target/peers/bin/pip install -q -r tests/peers/requirements.txt; } ||
            say "pip could not fetch Bumble and RootCanal; the tests with them are skipped by name"
    fi
    if have npm; then
        node_modules
    fi
}

run_tests() {
    local result=0
    if have cargo-nextest; then
        step test cargo nextest run --release --workspace || result=$?
        step doctest cargo test --release --workspace --doc || result=$?
    else
        step test cargo test --release --workspace --no-fail-fast || result=$?
    fi
    return "$result"
}

tests() {
    step tools tools
    step build cargo build --release --workspace --bins
    VENUE_SKIPPED="$(mktemp)"
    export VENUE_SKIPPED
    local result=0
    run_tests || result=$?
    if [ -s "$VENUE_SKIPPED" ]; then
        say "NOT TESTED HERE:"
        sort -u "$VENUE_SKIPPED"
    fi
    rm -f "$VENUE_SKIPPED"
    return "$result"
}

# Every parser of bytes from outside, on broken inputs: 200 000 each unless told. A finding prints its input.
fuzz() {
    local executions=${FUZZ_EXECUTIONS:-200000} seed=${FUZZ_SEED:-1}
    step "fuzz engine" cargo run --release -p venue-engine --example fuzz_engine -- all "$executions" "$seed"
    step "fuzz gateway" cargo run --release -p venue-gateway --example fuzz_gateway -- all "$executions" "$seed"
}

accuracy() {
    step "build" cargo build --release --workspace --bins
    step "build scorecards" cargo build --release -p venue-engine --examples
    step accuracy target/release/scorecard
}

# Debian's cross compilers with the standard libraries of rustup.
cross_with_gcc() {
    local target=$1 compiler=$2 variable=${1//-/_}
    export "CC_$variable=$compiler-gcc" "AR_$variable=$compiler-ar"
    export "CARGO_TARGET_${variable^^}_LINKER=$compiler-gcc"
    step "cross $target" cargo build --release --target "$target"
}

cross_one() {
    local target=$1 compiler=$2
    if have cross && docker info >/dev/null 2>&1; then
        say "cross $target: taking cross and docker, settings in cross.toml"
        CROSS_CONFIG=cross.toml step "cross $target" cross build --release --target "$target"
    elif ! have "$compiler-gcc"; then
        say "cross $target: SKIPPED, neither cross with docker nor $compiler-gcc is here (apt-get install gcc-$compiler)"
    elif [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
        say "cross $target: SKIPPED, no standard library for it here (rustup target add $target)"
    else
        say "cross $target: taking $compiler-gcc"
        cross_with_gcc "$target" "$compiler"
    fi
}

cross_all() {
    cross_one "$armv7" arm-linux-gnueabihf
    cross_one "$aarch64" aarch64-linux-gnu
}

main() {
    local name
    [ $# -gt 0 ] || set -- fmt types clippy docs
    for name in "$@"; do
        case $name in
        fmt | types | clippy | docs | tidy | accuracy | deny | fuzz) "$name" ;;
        test) tests ;;
        cross) cross_all ;;
        all) main fmt types clippy docs test deny fuzz cross ;;
        *)
            echo "no check called $name; there are: fmt types clippy docs test tidy accuracy deny fuzz cross all" >&2
            exit 2
            ;;
        esac
    done
}

main "$@"
