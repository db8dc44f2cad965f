// WireFormatsTests
