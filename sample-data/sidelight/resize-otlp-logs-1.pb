
Ú
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1d

sidelight.functionL	’-dê*
resized /items/0?q=caf%C3%A92
log.iostream
stdoutY’-dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	þ]¥-dê*
resized /items/12
log.iostream
stdoutYþ]¥-dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	Q´µ-dê*
resized /items/22
log.iostream
stdoutYQ´µ-dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	Ê'Æ-dê*
resized /broken/32
log.iostream
stdoutYÊ'Æ-dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	œí×-dê*
resized /items/42
log.iostream
stdoutYœí×-dê
Ú
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1d

sidelight.functionL	6úë-dê*
resized /items/5?q=caf%C3%A92
log.iostream
stdoutY6úë-dê
Ð
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Z

sidelight.functionB	–¹õ-dê*
resized /missing/62
log.iostream
stdoutY–¹õ-dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	»æþ-dê*
resized /items/72
log.iostream
stdoutY»æþ-dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	éÉ.dê*
resized /items/82
log.iostream
stdoutYéÉ.dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	ž.dê*
resized /items/92
log.iostream
stdoutYž.dê
Û
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1e

sidelight.functionM	Œ;&.dê*
resized /items/10?q=caf%C3%A92
log.iostream
stdoutYŒ;&.dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	Ï3.dê*
resized /slow/112
log.iostream
stdoutYÏ3.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	Òþ?.dê*
resized /items/122
log.iostream
stdoutYÒþ?.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	JÐN.dê*
resized /items/132
log.iostream
stdoutYJÐN.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	>z\.dê*
resized /items/142
log.iostream
stdoutY>z\.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	¯µj.dê*
resized /items/152
log.iostream
stdoutY¯µj.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	Ø{x.dê*
resized /items/162
log.iostream
stdoutYØ{x.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	­'†.dê*
resized /items/172
log.iostream
stdoutY­'†.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	ƒ“.dê*
resized /items/182
log.iostream
stdoutYƒ“.dê
Î
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1X

sidelight.function@	²‚ .dê*
resized /gone/192
log.iostream
stdoutY²‚ .dê
Û
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1e

sidelight.functionM	Œâ«.dê*
resized /items/20?q=caf%C3%A92
log.iostream
stdoutYŒâ«.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	X£¸.dê*
resized /items/212
log.iostream
stdoutYX£¸.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	È“Ã.dê*
resized /items/222
log.iostream
stdoutYÈ“Ã.dê
Ï
ñ

service.name
resize

service.version	
$LATEST
)
service.instance.id
581f8ffbcea9dcd4

	faas.name
resize

faas.version	
$LATEST
#
faas.instance
581f8ffbcea9dcd4

faas.max_memory€€€@

cloud.region
	us-east-1Y

sidelight.functionA	›…Ó.dê*
resized /items/232
log.iostream
stdoutY›…Ó.dê