#!/bin/sh
# Makes the certificates, keys and lists of this folder anew, by OpenSSL 3.
set -eu
cd "$(dirname "$0")"
ca='-x509 -nodes -days 36500 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign'
leaf() { # NAME AUTHORITY SIGNING...: a client's certificate over P-256
  name=$1 by=$2; shift 2
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out leaf.csr -subj "/CN=$name"
  printf 'keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n' >leaf.ext
  openssl x509 -req -in leaf.csr -CA "$by.crt" -CAkey "$by.key" -set_serial 42 -days 36000 -extfile leaf.ext "$@" -out "$name.crt"
}
ec() { name=$1; shift; openssl req $ca -newkey ec -keyout "$name.key" -out "$name.crt" -subj "/CN=$name" "$@"; }
ec brainpool -pkeyopt ec_paramgen_curve:brainpoolP256r1
ec secp256k1 -pkeyopt ec_paramgen_curve:secp256k1
ec explicit -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit
ec explicit-brainpool -pkeyopt ec_paramgen_curve:brainpoolP256r1 -pkeyopt ec_param_enc:explicit
openssl req $ca -newkey ed448 -keyout ed448.key -out ed448.crt -subj /CN=ed448
leaf explicit-leaf explicit -sha256
openssl ec -in explicit.key -out explicit-sec1.key

ec p256 -pkeyopt ec_paramgen_curve:P-256
openssl ec -in p256.key -aes256 -passout pass:word -out rfc1423.key
openssl pkcs8 -topk8 -in p256.key -v2 aes256 -passout pass:word -out pbes2.key

openssl req $ca -newkey rsa:2048 -keyout rsa.key -out rsa.crt -subj /CN=rsa
leaf pss-leaf rsa -sha256 -sigopt rsa_padding_mode:pss
leaf pss-mask-leaf rsa -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_mgf1_md:sha1
leaf sha224-leaf rsa -sha224
leaf sha1-leaf rsa -sha1
leaf md5-leaf rsa -md5
openssl req $ca -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -keyout psskey.key -out psskey.crt -subj /CN=psskey
leaf psskey-leaf psskey -sha256

printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha1\ndefault_crl_days=36000\n' >ca.cnf
: >index
openssl ca -config ca.cnf -keyfile rsa.key -cert rsa.crt -revoke sha1-leaf.crt
openssl ca -config ca.cnf -keyfile rsa.key -cert rsa.crt -gencrl -out version1.crl
openssl x509 -in rsa.crt -trustout -setalias short -out trusted-alias.crt
openssl x509 -in rsa.crt -trustout -addtrust serverAuth -out trusted-server.crt
rm -f leaf.csr leaf.ext ca.cnf index* rsa.key psskey.key secp256k1.key explicit-brainpool.key
