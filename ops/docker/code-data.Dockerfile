# code-data: static files, served read-only. Context: ops/docker/code-data.
# The files themselves belong to a snapshot and are mounted at /usr/share/nginx/html.

FROM nginx:1.27-alpine@sha256:65645c7bb6a0661892a8b03b89d0743208a18dd2f3f17a54ef4b76fb8e2f2a10 AS check
COPY nginx.conf /etc/nginx/nginx.conf
# A configuration that does not parse fails the build, not the deploy; so does a base without curl.
RUN nginx -t -q && command -v curl >/dev/null


FROM nginx:1.27-alpine@sha256:65645c7bb6a0661892a8b03b89d0743208a18dd2f3f17a54ef4b76fb8e2f2a10 AS final
COPY --from=check /etc/nginx/nginx.conf /etc/nginx/nginx.conf
USER 10001:10001
EXPOSE 80
STOPSIGNAL SIGQUIT
ENTRYPOINT ["nginx", "-g", "daemon off;"]
CMD []
