/// The version of Baton: what `--version` and the status say.
package enum BatonVersion {
    package static let text = "0.1.0"
}
