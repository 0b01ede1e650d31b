# One look at a host's certificates: those that certbot keeps, those of the nginx role, and whatever a site of nginx names.
hoist_b certificates
{
  ls -d /etc/letsencrypt/live/*/fullchain.pem /etc/nginx/certificates/*/fullchain.pem 2>/dev/null
  sed -n 's/^[[:space:]]*ssl_certificate[[:space:]]\{1,\}"\{0,1\}\([^";$]*\)"\{0,1\};.*/\1/p' /etc/nginx/sites-enabled/* 2>/dev/null
} | sort -u | while IFS= read -r hoist_file; do
  case $hoist_file in /*) ;; *) hoist_file=/etc/nginx/$hoist_file ;; esac
  printf 'file=%s\nreal=%s\n' "$hoist_file" "$(readlink -f "$hoist_file")"
  if ! command -v openssl >/dev/null; then
    printf 'error=there is no openssl on the host\n'
  elif hoist_end=$(openssl x509 -noout -enddate -in "$hoist_file" 2>/dev/null); then
    hoist_end=${hoist_end#notAfter=}
    printf 'left=%s\n' "$(($(date -ud "$hoist_end" +%s) - $(date +%s)))"
    printf 'until=%s\n' "$(date -ud "$hoist_end" +%Y-%m-%dT%H:%M:%SZ)"
    openssl x509 -noout -subject -issuer -nameopt sep_multiline,utf8,sname -in "$hoist_file" 2>/dev/null
    openssl x509 -noout -ext subjectAltName -in "$hoist_file" 2>/dev/null
  elif [ -e "$hoist_file" ]; then
    printf 'error=this is no certificate\n'
  else
    printf 'error=there is no such file\n'
  fi
done
hoist_e certificates 0
