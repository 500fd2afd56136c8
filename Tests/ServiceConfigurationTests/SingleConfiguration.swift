import Failures
import ServiceConfiguration

/// Reads a configuration of one file.
func parseConfiguration(_ bytes: [UInt8], file: String) throws(Failure) -> Configuration {
    try parseConfiguration([ConfigurationFile(path: file, bytes: bytes)])
}
