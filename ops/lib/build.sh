# Sourced by the scripts of ops/: builds the release products, and only when a source is newer than the last build.

readonly products=(embedded-broker payment-simulator ingress inventory-sync expiry payment ops audit queue-release notification analytics rushctl)
readonly release="$root/.build/release"
readonly stamp="$root/.build/ops-release-stamp"

is_built() {
    local product
    [ -e "$stamp" ] || return 1
    for product in "${products[@]}"; do [ -x "$release/$product" ] || return 1; done
    [ -z "$(find "$root/Package.swift" "$root/Sources" "$root/workers" "$root/topics" "$root/migrations" "$root/lua" \
        -newer "$stamp" -print -quit)" ]
}

# Progress is swift's own, on stderr, so that a command's output stays clean.
build_release() {
    if is_built; then return 0; fi
    mkdir -p "$root/.build"
    # From before the build: what is edited meanwhile is newer.
    touch "$stamp.new"
    say "Building (release); the first time takes some minutes."
    # Tests run with the checks of exclusive access; a release does without, which cost 4 % of the ingress' time for a reserve.
    swift build -c release -Xswiftc -enforce-exclusivity=unchecked --package-path "$root" >&2 || die "the build failed"
    mv "$stamp.new" "$stamp"
}
