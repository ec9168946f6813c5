# Sourced by ops/test: what the tests take from PyPI, each list of packages in a Python of its own, made once and kept for all clones.

# Makes the environment of a list and says where its Python is; "unavailable" where PyPI cannot be reached.
python_of() {
    local name=$1 list=$2 home
    home="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/booking-rush/$name-$(sha256sum "$list" | cut -c 1-12)"
    if ! [ -e "$home/installed" ]; then
        say "Installing $list into $home"
        rm -rf "$home"
        /usr/bin/python3 -m venv "$home" || die "python3 cannot make a virtual environment"
        if ! "$home/bin/pip" install --quiet --disable-pip-version-check --retries 5 --requirement "$list" >&2; then
            say "PyPI does not answer: the tests that need $list are skipped."
            echo unavailable
            return
        fi
        touch "$home/installed"
    fi
    echo "$home/bin/python3"
}

# Sets CONFORMANCE_PYTHON (other Kafka clients) and LOCALSTRIPE_PYTHON (another payment gateway), unless they are set.
require_python() {
    export CONFORMANCE_PYTHON="${CONFORMANCE_PYTHON:-$(python_of python "$root/Tests/Conformance/requirements.txt")}"
    export LOCALSTRIPE_PYTHON="${LOCALSTRIPE_PYTHON:-$(python_of localstripe "$root/Tests/Localstripe/requirements.txt")}"
}
