// LogQLTests
