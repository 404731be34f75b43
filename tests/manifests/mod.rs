//! What stands in `manifests/`: the CRDs as the program prints them, and examples that work as they are.

mod crds;
mod examples;
