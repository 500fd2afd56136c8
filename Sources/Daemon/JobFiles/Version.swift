/// This program's version.
public enum Version {
    /// Semantic version.
    public static let current = "0.1.0"
}
