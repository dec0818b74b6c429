#!/bin/sh
# Puts a bwrap into a folder, unless one is on the path already: ./packaging/bubblewrap.sh FOLDER
# Nothing is installed: Debian's and Ubuntu's package is unpacked. Prints the path of the bwrap.
set -eu

folder=${1:?"usage: bubblewrap.sh FOLDER"}
if [ "$(uname -s)" != Linux ]; then
    exit 0 # macOS brings its own sandbox
fi
if found=$(command -v bwrap); then
    echo "$found"
    exit 0
fi
if [ ! -x "$folder/bwrap" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "bubblewrap.sh: no bwrap here. Try: install your system's package bubblewrap." >&2
        exit 1
    fi
    mkdir -p "$folder"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # (apt's own user may not write there: it need not be used for a package that is checked.)
    (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download bubblewrap >&2 &&
        dpkg -x bubblewrap_*.deb unpacked)
    mv "$work/unpacked/usr/bin/bwrap" "$folder/bwrap"
fi
"$folder/bwrap" --version >&2
echo "$folder/bwrap"
