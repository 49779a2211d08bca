#!/bin/bash
# test-deps.sh: what the tests need beyond Python packages. Root, Debian (or a relative with apt-get).
set -euo pipefail

packages=()
[ -x /usr/sbin/dovecot ] && [ -x /usr/lib/dovecot/imap ] || packages+=(dovecot-imapd)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
[ -x /usr/bin/chromium ] || packages+=(chromium)
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || packages+=(fonts-dejavu-core)

if [ ${#packages[@]} = 0 ]; then
    echo "Dovecot, PostgreSQL, Chromium and a font are installed."
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "This is not Debian: install Dovecot 2.3, PostgreSQL 15 or newer, Chromium and the DejaVu fonts by its own means." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Installing packages needs root: run \`sudo make test-deps\` (for ${packages[*]}). The tests themselves need no root." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# The tests start their own servers; a package must not start one of the machine's.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"
