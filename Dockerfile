# The image: the program, and the certificates of the authorities that the world believes. No shell, no package
# manager, nobody's root; all that runs is one static program.
#
#   docker build --tag mailchute .
#
# BASE is what it stands on: nothing, unless another image is named, as when a company wants its own, or when the
# program is linked to that image's C library. A program that is there already takes the place of the first stage:
# then FOLDER has mailchute, and the certificates as ca-certificates.crt.
#
#   docker build --target image --build-context build=FOLDER --build-arg BASE=… .
ARG RUST=1-alpine
ARG BASE=scratch

FROM rust:${RUST} AS build
RUN apk add --no-cache ca-certificates-bundle musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Names of functions stay, for what a panic says of where it was; lines would be four times the size.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/mailchute /etc/ssl/certs/ca-certificates.crt /

FROM ${BASE} AS image
COPY --from=build --chmod=0444 /ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chmod=0555 /mailchute /usr/bin/mailchute
# By number, so that a kubelet can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/mailchute"]
