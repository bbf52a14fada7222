# The operator's image, for people with Docker; `make images` builds the same
# without. Multi-arch: docker buildx build --platform=linux/amd64,linux/arm64 .
# The agenda's image, which `make push-agenda` builds: docker buildx build --target=agenda .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=development
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY config/manager config/manager
COPY controllers controllers
COPY internal internal
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /manager ./cmd

FROM build AS build-agenda
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go -C cmd/agenda build -trimpath -buildvcs=false -ldflags "-s -w" -o /agenda .

FROM gcr.io/distroless/static:nonroot AS agenda
COPY --from=build-agenda /agenda /agenda
USER 65532:65532
ENTRYPOINT ["/agenda"]

FROM gcr.io/distroless/static:nonroot
COPY --from=build /manager /manager
COPY helm-charts/database /helm-charts/database
USER 65532:65532
ENTRYPOINT ["/manager"]
