// ColumnEncodingTests
