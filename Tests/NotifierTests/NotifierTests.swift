// NotifierTests
