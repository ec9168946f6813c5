# Sourced by ops/test: the Kafka clients of Tests/Conformance in a Python of their own, made once and again when the list changes.

readonly python_home="$root/.build/conformance-python"

require_python_clients() {
    local list="$root/Tests/Conformance/requirements.txt"
    if cmp -s "$list" "$python_home/installed.txt"; then return 0; fi
    say "Installing the Python Kafka clients of the conformance suite into ${python_home#"$root/"}"
    rm -rf "$python_home"
    /usr/bin/python3 -m venv "$python_home" || die "python3 cannot make a virtual environment"
    "$python_home/bin/pip" install --quiet --disable-pip-version-check --retries 5 --requirement "$list" >&2 ||
        die "pip could not install what $list names"
    cp "$list" "$python_home/installed.txt"
}
