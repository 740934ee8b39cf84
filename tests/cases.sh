#!/usr/bin/env bash
# Runs the cases of ../shared/cases and prints right or wrong for each; exit code 1 where one is wrong.
# Run it as root from the root of the project, after `make test`: bash tests/cases.sh [PATTERN]
# The cases make a network namespace of their own and need openssl, so this is not part of the tests.
cases=../shared/cases
python=.venv/bin/python
wrong=0

# judge NAME OUTPUT PATTERN...: each pattern must be in the output; after "not", it must not be.
judge() {
  local name=$1 output=$2 is_wanted=yes verdict=right
  shift 2
  for pattern in "$@" not 'Traceback' 'internal error'; do
    if [ "$pattern" = not ]; then is_wanted=no; continue; fi
    if grep -Eq -- "$pattern" <<<"$output"; then found=yes; else found=no; fi
    if [ "$found" != "$is_wanted" ]; then verdict="wrong: '$pattern' found: $found"; fi
  done
  [ "$verdict" = right ] || wrong=1
  printf '%-40s %s\n' "$name" "$verdict"
}

case_() { # NAME PATTERN...: a case with a run.sh
  local name=$1
  [[ $name == *$only* ]] || return
  judge "$name" "$(timeout 300 bash $cases/$name/run.sh 2>&1)" "${@:2}"
}

script() { # NAME "ARGUMENTS" PATTERN...: a script of reliability/; it may end in the error that is right
  local name=$1
  [[ $name == *$only* ]] || return
  judge "reliability/$name" "$(timeout 300 $python $scripts/$name.py $2 2>&1 | sed 's/^Traceback.*//')" "${@:3}"
}

verdict() { # NAME AS_OF VERDICT: a chain that OpenSSL judges as VERDICT
  [[ $1 == *$only* ]] || return
  judge "$1" "$($python - $cases/$1 "$2" <<'P'
import sys
import pandas as pd
import toolkit
from toolkit.reference.roots import load_roots
folder, as_of = sys.argv[1:]
held = toolkit.read(folder + "/leaf.pem")
(leaf,) = held.certificates["cert_sha256"]
row = {"round": "r", "sample": 0, "source": "live", "service": "https://example.com:443", "host": "example.com",
       "server_name": "example.com", "outcome": "ok", "date_basis": "observed", "observed_at": pd.Timestamp(as_of),
       "leaf_sha256": leaf, "chain_sha256": (leaf,)}
tables = toolkit.Tables.from_frames(pd.DataFrame([row]), held.certificates)
print(toolkit.verify_chains(tables, roots=load_roots(folder + "/root.pem"))[["verdict", "reason"]].to_string())
P
)" "$3"
}

only=${1:-}
# The package `toolkit.collect` of the scripts is now `toolkit.collection`; `toolkit.collect` is the function.
scripts=$(mktemp -d)
trap 'rm -rf "$scripts"' EXIT
cp $cases/reliability/*.py "$scripts"
chmod u+w "$scripts"/*.py
sed -Ei 's/toolkit\.collect( import|\.rounds)/toolkit.collection\1/' "$scripts"/*.py
case_ 01-hello-length-mod-256 '^0 suites are accepted directly'
case_ 02-idna2003-other-host 'asks xn--fa-hia.de,' 'asks xn--strae-oqa.de,' 'asks xn----ylba7abgd9bnh0e.xn--qxa6a,'
case_ 03-negative-rsa-modulus "'key_bits': 2048" 'meets: RSA 2048' 'exit code 0'
case_ 04-one-bad-mx-hides-all 'smtp://good.test:25 .* ok ' 'smtp://\*\.test:25 .*not_resolved'
case_ 05-unreadable-end-vanishes '^expiry: 1 service: 1 with findings' 'expiry rows: 1' 'exit code 1'
case_ 06-intermediate-ends-first 'intermediate 1, .* 5.0 days left' 'exit code 1'
case_ 07-smtp-name-and-patience '127.0.0.1 .* ok .*second name' not '127.0.0.1 .*(timeout|rejected)'
case_ 09-dates-usual 'meets: .*20500101000000Z' 'meets: .*99991231235959Z' not 'falls short'
case_ 10-store-path "cannot open paths with '\['" "cannot open paths with '%20'" "cannot open paths with '..'" \
  '1 look, 1 ok; kept in .*plain 100%' not 'backup' 'Panic'
case_ 11-pem-files 'live: 1 ' 'der: 1 ' 'bom.pem: 1 ' 'trusted.pem: 1 '
case_ 14-collector-clock-ahead 'after this machine.s clock' '^expiry: 1 service: 1 with findings'
case_ 15-starttls-unlisted 'pop3://.* ok .*did not list STLS' 'imap://.* ok '
case_ 17-report-tracebacks 'exit code 74: .*/dev/full cannot be written' not 'exit code 1:'
script wire_crashes '' 'cookie .*malformed' 'signature .*ok' 'resultCode .*not_tls'
script baseline_9999 '' '2026 2026-01-01' not 'ValueError'
script expiry_long_lead '' 'summarise_expiry ok' 'forecast_renewals ok' 'check ok' not 'OutOfBounds'
script csv_header '' 'line 1 is not UTF-8' 'rc 4'
script to_csv_killed '' 'ReadError: .* is not whole'
script memory_unique_chains 200 '200 ok'
verdict trust-critical-leaf-critical-AKI 2024-06-01T00:00Z ' untrusted'
verdict trust-critical-leaf-critical-CRLDP 2024-06-01T00:00Z ' trusted'
verdict trust-critical-root-critical-AKI 2024-06-01T00:00Z ' untrusted'
verdict trust-explicit-curve 2024-03-13T00:00Z ' untrusted'
exit $wrong
