#!/bin/sh
# The web host by bare commands, as the root of a host without any of it: the least that a first run can take.
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq nginx supervisor certbot git make curl wget xz-utils build-essential >/dev/null

groupadd --system app
useradd --gid app --shell /bin/bash --create-home --home-dir /home/app app
install -d -o app -g app -m 0700 /home/app/.ssh
install -d -o app -g app -m 0755 /var/log/catalogage /home/app/.pyenv
install -d -m 0755 /var/www/letsencrypt

put() { # PATH MODE OWNER: standard input
  cat >"$1" && chown "$3:$3" "$1" && chmod "$2" "$1"
}

printf 'Host git\n  StrictHostKeyChecking yes\n' | put /home/app/.ssh/config 0600 app

rm -f /etc/nginx/sites-enabled/default
put /etc/nginx/nginx.conf 0644 root <<'END'
user www-data;
worker_processes auto;
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 768; }
http {
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    keepalive_timeout 65;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    error_log /var/log/nginx/error.log;
    gzip on;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
END
snippets="gzip security proxy cache limits logging mime upstream maps status"
{
  printf 'upstream client { server 127.0.0.1:3000; }\nupstream api { server 127.0.0.1:3579; }\n'
  printf 'server {\n    listen 80 default_server;\n    server_name catalogue.example.org;\n'
  for snippet in $snippets; do echo "    # uses /etc/nginx/snippets/$snippet.conf"; done
  printf '    location / { include proxy_params; proxy_pass http://client/; }\n'
  printf '    location /api/ { include proxy_params; proxy_pass http://api/; }\n}\n'
} | put /etc/nginx/sites-available/catalogage.conf 0644 root
ln -sf /etc/nginx/sites-available/catalogage.conf /etc/nginx/sites-enabled/catalogage.conf
for snippet in $snippets; do
  {
    echo "# snippet $snippet for catalogue.example.org"
    for line in $(seq 0 19); do echo "# $snippet line $line"; done
  } | put "/etc/nginx/snippets/$snippet.conf" 0644 root
done

runuser -u app -- git clone -q --branch master /srv/git/catalogage.git /home/app/catalogage
put /home/app/catalogage/.env 0600 app <<'END'
APP_SERVER_MODE=live
APP_PORT="3579"
APP_DATABASE_URL="postgresql+asyncpg://user:pass@localhost:5432/catalogage"
APP_SECRET_KEY="s3cr3t"
END
printf 'export PYENV_ROOT=/home/app/.pyenv\n' | put /home/app/.pyenv/.pyenvrc 0644 app
cat >>/home/app/.bashrc <<'END'
# BEGIN MANAGED BLOCK: pyenv
source $HOME/.pyenv/.pyenvrc
# END MANAGED BLOCK: pyenv
# BEGIN MANAGED BLOCK: nvm
export NVM_DIR=$HOME/.nvm
# END MANAGED BLOCK: nvm
END
runuser -u app -- touch /home/app/.built
ln -sf /usr/bin/python3 /usr/local/bin/node-app
ln -sf /usr/bin/python3 /usr/local/bin/npm-app
touch /home/app/.migrated

printf '#Ansible: certs_renewal\n@weekly certbot renew -q\n#Ansible: rotate\n5 3 * * * /usr/sbin/logrotate /etc/logrotate.d/catalogage\n' | crontab -
put /etc/logrotate.d/catalogage 0644 root <<'END'
/var/log/catalogage/*.log {
    weekly
    rotate 8
    compress
    missingok
}
END
for program in server:3579 client:3000; do
  name=${program%:*}
  put "/etc/supervisor/conf.d/$name.conf" 0644 root <<END
[program:$name]
directory=/home/app
command=/usr/bin/python3 -m http.server ${program#*:} --bind 127.0.0.1
user=app
autostart=true
autorestart=true
stdout_logfile=/var/log/catalogage/$name.log
redirect_stderr=true
END
done

printf 'net.ipv4.tcp_keepalive_time = 300\n' | put /etc/sysctl.d/60-catalogage.conf 0644 root
echo 'Managed host catalogue.example.org' >>/etc/motd
echo 'app soft nofile 65536' >>/etc/security/limits.conf
printf 'Etc/UTC\n' | put /etc/timezone 0644 root
printf '<h1>Back soon</h1>\n' | put /var/www/maintenance.html 0644 root
systemctl enable -q --now nginx supervisor cron
nginx -t -q
systemctl reload nginx
supervisorctl update >/dev/null
