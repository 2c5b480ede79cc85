/// The version of both programs, as `--version` prints it.
public enum ProductVersion {
    public static let current = "0.1.0"
}
