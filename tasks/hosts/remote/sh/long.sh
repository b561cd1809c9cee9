# A long session: a worker in a session of its own, and a watcher that kills
# it when the operator says so ("k" on stdin), closes stdin, or says nothing for
# 60 seconds. Variables: text (the worker's program), size (bytes of input that
# follow on stdin), patient (only "k" kills).

exec 3<&0 </dev/null
exec 5</dev/null
if [ "$size" -gt 0 ]; then
  input=$state/.input.$$
  ( umask 077; set -C; take "$size" <&3 >"$input" ) || { rm -f -- "$input"; exit 1; }
  exec 5<"$input"
  got=$(stat -c %s -- "$input")
  rm -f -- "$input"
  [ "$got" -eq "$size" ] || die "the connection ended in the middle"
fi
[ -e "$state/lock.work" ] && { exec 8<"$state/lock.work"; flock -s -w 5 8 || die "another run is waiting for this machine"; }

printf '%s' "$text" | setsid sh -c 'eval "$(cat)"' 3<&- 8<&- &
worker=$!
exec 2>/dev/null # what the shell says of a killed worker

(
  while :; do
    word=$(timeout 60 head -c 1 <&3)
    [ "$word" = . ] && continue
    [ -n "$patient" ] && [ "$word" != k ] && exit
    break
  done
  kill -TERM "-$worker"
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "-$worker" || exit
    sleep 0.2
  done
  kill -KILL "-$worker"
) 5<&- 8<&- >/dev/null 2>&1 &
watcher=$!

wait "$worker"
code=$?
# What the worker left behind in its group goes with it.
signal=TERM
[ "$code" -lt 128 ] || signal=KILL
kill "-$signal" "-$worker" 2>/dev/null
kill "$watcher" 2>/dev/null
exit "$code"
