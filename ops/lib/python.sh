# Sourced by ops/test: the Kafka clients of Tests/Conformance in a Python of their own, made once a list of packages and kept for all clones.

# Sets CONFORMANCE_PYTHON. Where PyPI cannot be reached it says so, and the tests of these clients are skipped.
require_python_clients() {
    if [ -n "${CONFORMANCE_PYTHON:-}" ]; then return 0; fi
    local list="$root/Tests/Conformance/requirements.txt" home
    home="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/booking-rush/python-$(sha256sum "$list" | cut -c 1-12)"
    export CONFORMANCE_PYTHON="$home/bin/python3"
    if [ -e "$home/installed" ]; then return 0; fi
    say "Installing the Python Kafka clients of the conformance suite into $home"
    rm -rf "$home"
    /usr/bin/python3 -m venv "$home" || die "python3 cannot make a virtual environment"
    if "$home/bin/pip" install --quiet --disable-pip-version-check --retries 5 --requirement "$list" >&2; then
        touch "$home/installed"
    else
        say "PyPI does not answer: the conformance suite runs without the Python clients."
        export CONFORMANCE_PYTHON=unavailable
    fi
}
