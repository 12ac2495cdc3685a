#!/bin/sh
# Requests a second of kring's HTTP server beside nginx (one worker) for the same 2 KB, plain and TLS, kept alive and
# one connection a request: interleaved rounds, the best of each, and their ratio. Loopback only, everything below a
# temporary directory. Needs wrk and nginx; the server is pinned to one core and wrk to another where there are two.
#   http_bench.sh PATH/TO/http_bench [ROUNDS] [SECONDS]
set -eu
program=$1 rounds=${2:-3} seconds=${3:-3}
directory=$(mktemp -d)
plain=28080 tls=28443 nginx_plain=28081 nginx_tls=28444
server_pid= nginx_pid=
cleanup() {
  [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
  [ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$directory"
}
trap cleanup EXIT INT TERM

on_core() { core=$1; shift; if [ "$(nproc)" -gt 1 ]; then exec taskset -c "$core" "$@"; else exec "$@"; fi; }

mkdir "$directory/pki" "$directory/www" "$directory/logs"
(on_core 0 "$program" "$plain" "$tls" "$directory/pki") > "$directory/ready" &
server_pid=$!
while ! grep -q ready "$directory/ready"; do kill -0 "$server_pid"; sleep 0.1; done
head -c 2048 /dev/zero | tr '\0' k > "$directory/www/index.html"
cat > "$directory/nginx.conf" <<END
daemon off; master_process off; worker_processes 1; error_log $directory/logs/error.log; pid $directory/nginx.pid;
events { worker_connections 1024; multi_accept on; }
http {
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; open_file_cache max=10;
  client_body_temp_path $directory/t1; proxy_temp_path $directory/t2; fastcgi_temp_path $directory/t3;
  uwsgi_temp_path $directory/t4; scgi_temp_path $directory/t5;
  server {
    listen 127.0.0.1:$nginx_plain; listen 127.0.0.1:$nginx_tls ssl; root $directory/www;
    ssl_certificate $directory/pki/server.crt; ssl_certificate_key $directory/pki/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
  }
}
END
(on_core 0 nginx -p "$directory" -c "$directory/nginx.conf") 2> "$directory/logs/start" &
nginx_pid=$!
sleep 1

requests() {  # url, header
  (on_core 1 wrk -t1 -c32 -d"$seconds"s -H "$2" "$1") | awk '/Requests\/sec/ {print int($2)}'
}
best() { sort -n "$1" | tail -1; }
for case in "plain http $plain $nginx_plain X:y" "tls https $tls $nginx_tls X:y" \
            "plain-close http $plain $nginx_plain Connection:close" "tls-close https $tls $nginx_tls Connection:close"; do
  set -- $case
  : > "$directory/a"; : > "$directory/b"
  for round in $(seq "$rounds"); do
    requests "$2://127.0.0.1:$3/" "$5" >> "$directory/a"
    requests "$2://127.0.0.1:$4/" "$5" >> "$directory/b"
  done
  a=$(best "$directory/a") b=$(best "$directory/b")
  awk -v n="$1" -v a="$a" -v b="$b" 'BEGIN {printf "%-12s kring %7d/s  nginx %7d/s  ratio %.2f\n", n, a, b, a / b}'
done
awk '/VmRSS/ {print "kring resident " $2 " KB"}' "/proc/$server_pid/status"
