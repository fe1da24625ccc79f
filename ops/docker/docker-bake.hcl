# The images of the stack, built together: `inv build`, or by hand
#
#   cd ops && docker buildx bake -f docker/docker-bake.hcl
#
# Contexts are relative to ops/. No target has a tag that can be deployed: `build` only says where a
# release finds what was built last, and a release names digests.

variable "REGISTRY" {
  default = "127.0.0.1:5000"
}

variable "VERSION" {
  default = "0.0.0"
}

variable "REVISION" {
  default = "unknown"
}

variable "SOURCE" {
  default = ""
}

group "default" {
  targets = ["server", "rpc-adapter", "code-data"]
}

function "labels" {
  params = [title]
  result = {
    "org.opencontainers.image.title"    = title
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.source"   = SOURCE
  }
}

target "server" {
  context    = "services"
  dockerfile = "../docker/server.Dockerfile"
  tags       = ["${REGISTRY}/morphogen/server:build"]
  labels     = labels("morphogen-server")
}

target "rpc-adapter" {
  context    = "services"
  dockerfile = "../docker/rpc-adapter.Dockerfile"
  tags       = ["${REGISTRY}/morphogen/rpc-adapter:build"]
  labels     = labels("morphogen-rpc-adapter")
}

target "code-data" {
  context    = "docker/code-data"
  dockerfile = "../code-data.Dockerfile"
  tags       = ["${REGISTRY}/morphogen/code-data:build"]
  labels     = labels("morphogen-code-data")
}
