# Sourced by the scripts of ops/: what the machine must have, and how it gets it. Debian 12; other systems are told what to install.

readonly minimum_swift="6.3"
# Stores and brokers' tools, the C libraries that the product stands on, and what Swift itself needs to link.
readonly product_packages=(redis-server postgresql-15 librdkafka-dev libhiredis-dev libpq-dev libcurl4-openssl-dev libqrencode-dev libpng-dev python3-aiosmtpd kcat jq curl ca-certificates)
# What only the tests need: a reader of QR codes, the lag checker that reads the broker's groups, promtool for the alert rules, and Python for the other Kafka clients.
readonly test_packages=(zbar-tools burrow prometheus python3-venv)
readonly swift_packages=(binutils gcc git libc6-dev libstdc++-12-dev libedit2 libncurses6 libsqlite3-0 libxml2-dev pkg-config tzdata zlib1g-dev)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$(basename "$0"): $*"
    exit 1
}

# Runs a command as root: as it is, or through sudo, which may ask for a password only where somebody can answer.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        die "packages are missing and this is neither root nor is there sudo; as root run: apt-get install ${missing[*]}"
    elif [ "${CI:-}" = true ]; then
        sudo -n "$@"
    else
        sudo "$@"
    fi
}

require_swift() {
    command -v swift >/dev/null || die "swift is not on the PATH; install Swift 6.3 from https://www.swift.org/install/linux/"
}

# After the packages: without libncurses, libcurl and others swift does not even tell its version.
require_swift_version() {
    local answer found
    answer=$(swift --version 2>&1) || die "$(command -v swift) does not run: $answer"
    found=$(sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' <<<"$answer" | head -n 1)
    [ -n "$found" ] || die "cannot tell the version of $(command -v swift)"
    [ "$(printf '%s\n' "$minimum_swift" "$found" | sort -V | head -n 1)" = "$minimum_swift" ] ||
        die "Swift $found is too old; this needs $minimum_swift or later (https://www.swift.org/install/linux/)"
}

# Installs the Debian packages that are missing, having named them; with those that are given.
require_packages() {
    local package wanted=("${product_packages[@]}" "${swift_packages[@]}" "$@")
    missing=()
    command -v dpkg-query >/dev/null ||
        die "this is not Debian; install what these packages hold, then build with swift build -c release: ${wanted[*]}"
    for package in "${wanted[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Missing Debian packages, installing: ${missing[*]}"
    # The installation has its own cluster; Debian's would only take memory and a port.
    if ! [ -e /etc/postgresql-common/createcluster.d/booking-rush.conf ]; then
        as_root mkdir -p /etc/postgresql-common/createcluster.d
        printf '# Written by Booking Rush before it installed postgresql-15.\ncreate_main_cluster = false\n' |
            as_root tee /etc/postgresql-common/createcluster.d/booking-rush.conf >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 update -q >&2 || say "apt-get update failed; trying with the lists that are here"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends "${missing[@]}" >&2 ||
        die "apt-get could not install: ${missing[*]}"
}

# A rush opens more files than a shell's usual limit.
raise_file_limit() {
    ulimit -Sn "$(ulimit -Hn)" 2>/dev/null || true
}

# Lets niceness count. The kernel weighs sessions against each other (autogroups, sched(7)), and each PostgreSQL backend opens one: any of them
# gets as much of a processor as all the rest together. In a control group there are no autogroups; whoever is in one already stays there.
weigh_by_niceness() {
    local group=/sys/fs/cgroup/cpu/booking-rush
    grep -qE ':(cpu|cpu,cpuacct):/$' /proc/self/cgroup || return 0
    { mkdir -p "$group" && echo $$ >"$group/cgroup.procs"; } 2>/dev/null || true
}

# Takes further Debian packages.
require_all() {
    require_swift
    require_packages "$@"
    require_swift_version
    raise_file_limit
}
