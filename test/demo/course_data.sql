-- The facts that an LMS would hold: 326 learners, two courses, a Learning Path. The people are invented.
-- Everything else follows from their numbers, so that each run of the demo tells the same story.

COPY learning_credentials.lms_user (id, username, full_name) FROM stdin;
1001	kseniya.tsvetkova	Ксения Цветкова
1002	seumas.macfhionghuin	Seumas MacFhionghuin
1003	motus.saarokan	Mõtus Saarõkan
1004	goran.angman	Göran Ångman
1005	ailu.gaccat	Áilu Gáccat
1006	nemanja.njezhic	Немања Њежић
1007	yelizaveta.shchur	Єлизавета Щур
1008	morag.nicdhomhnaill	Mòrag NicDhòmhnaill
1009	garazi.ibarguren	Garazi Ibarguren
1010	lubomir.kovac	Ľubomír Kováč
1011	erzsebet.nagy	Nagy Erzsébet
1012	theodore.ashdown	Theodore Ashdown
1013	mikkel.agesen	Mikkel Ågesen
1014	ebru.aydin	Ebru Güneş Aydın
1015	katerina.nemcova	Kateřina Němcová
1016	amani.mwangi	Amani Mwangi
1017	uzoma.ezenwa	Ụzọma Ezenwa
1018	matus.slahor	Matúš Šľahor
1019	biljana.gjeorgjievska	Билјана Ѓеорѓиевска
1020	gheorghe.nastasescu	Gheorghe Năstăsescu
1021	gael.kerouedan	Gaël Kerouédan
1022	chloe.bevilacqua	Chloé Bevilacqua
1023	merce.bellver	Mercè Bel·lver
1024	mariu.dangio	Mariù D’Angiò
1025	tugba.isik	Tuğba Işık
1026	kjaersti.lodoen	Kjærsti Lødøen
1027	desislava.zhekova	Десислава Жекова
1028	funmilayo.osunlana	Fúnmiláyọ Ọṣunlànà
1029	cingiz.ismayilov	Çingiz İsmayılov
1030	eleni.chatzigeorgioy	Ελένη Χατζηγεωργίου
1031	padraig.einri	Pádraig Mac Éinrí
1032	laszlo.gyorffy	Győrffy László
1033	vojtech.zdarsky	Vojtěch Žďárský
1034	pal.saether	Pål Sæther
1035	lyubomir.gzhitskiy	Любомир Ґжицький
1036	loc.huynh	Huỳnh Phước Lộc
1037	djurdjina.ljotic	Ђурђина Љотић
1038	kristine.skele	Kristīne Šķēle
1039	gayrat.toxtayev	Gʻayrat Toʻxtayev
1040	drita.permeti	Drita Përmeti
1041	daniel.vries	Daniël de Vries
1042	hiroshi.tanaka	Hiroshi Tanaka
1043	kathe.mussig	Käthe Müßig
1044	maelle.daubigne	Maëlle d’Aubigné
1045	oksana.yefremova	Оксана Єфремова
1046	oleksiy.yizhakevich	Олексій Їжакевич
1047	anastasiya.shcherbakova	Анастасия Щербакова
1048	ragnhild.skjak	Ragnhild Skjåk
1049	bjorn.schauble	Björn Schäuble
1050	maria.ibanez	María José Núñez Ibáñez
1051	lucja.wisniewska	Łucja Wiśniewska
1052	kresimir.basic	Krešimir Bašić
1053	niccolo.dellorto	Niccolò Dell’Òrto
1054	alexandros.papadopoylos	Αλέξανδρος Παπαδόπουλος
1055	ruta.ciurlyte	Rūta Čiurlytė
1056	craita.taranu	Crăița Țăranu
1057	ashild.bjornstad	Åshild Bjørnstad
1058	solomiya.gudz	Соломія Ґудзь
1059	conceicao.guimaraes	Conceição Guimarães
1060	joao.assuncao	João Gonçalves de Assunção
1061	luka.zizek	Luka Žižek
1062	zofia.horvathova	Žofia Horváthová
1063	ileana.brancoveanu	Ileana Brâncoveanu
1064	kelechi.anyanwu	Kelechi Anyanwụ
1065	maddalen.agirrezabala	Maddalen Agirrezabala
1066	asa.bjorklund	Åsa Björklund
1067	vsevolod.zhdanov	Всеволод Жданов
1068	gorg.agar	Ġorġ Ħaġar
1069	nurlan.otegen	Нұрлан Өтеген
1070	vyacheslav.demyanyuk	В’ячеслав Дем’янюк
1071	onorbayar.tsetseg	Өнөрбаяр Цэцэг
1072	borbala.ory	Őry Borbála
1073	andriy.kobilyanskiy	Андрій Кобилянський
1074	umit.erdogmus	Ümit Erdoğmuş
1075	ines.falcao	Inês Simões Falcão
1076	koffi.adzessi	Koffi Adzéssi
1077	igor.sestnov	Игорь Съестнов
1078	soren.weissgerber	Sören Weißgerber
1079	adrian.briceno	Adrián Briceño
1080	duc.tran	Trần Văn Đức
1081	georgi.stoyanov	Георги Стоянов
1082	bao.vo	Võ Nguyễn Gia Bảo
1083	inaki.etxeberria	Iñaki Etxeberria
1084	ziga.crnic	Žiga Črnič
1085	ngaio.potae	Ngāio Pōtae
1086	ondrej.stastny	Ondřej Šťastný
1087	gudrun.thorsteinsdottir	Guðrún Þorsteinsdóttir
1088	milosh.zhujovic	Милош Жујовић
1089	rosario.penaflorida	Rosario Peñaflorida
1090	nikita.ludens	Ņikita Ļūdēns
1091	yuriy.hmelnitskiy	Юрій Хмельницький
1092	tram.dang	Đặng Ngọc Bảo Trâm
1093	joaquin.guell	Joaquín Ávila Güell
1094	eldar.hrushchev	Эльдар Хрущёв
1095	marilia.evora	Marília da Conceição Évora
1096	jiri.dvorak	Jiří Dvořák
1097	jorg.ubelacker	Jörg Übelacker
1098	yrjo.ohman	Yrjö Öhman
1099	clemence.noel	Clémence Noël
1100	oanh.ngo	Ngô Thị Kiều Oanh
1101	dimitra.anagnostopoyloy	Δήμητρα Αναγνωστοπούλου
1102	xoan.castineira	Xoán Castiñeira
1103	ibrahim.caglayan	İbrahim Çağlayan
1104	gjorgji.kjosev	Ѓорѓи Ќосев
1105	zoe.willink	Zoë Tjeenk Willink
1106	aminata.diarra	Aminata Diarra
1107	zygimantas.jankauskas	Žygimantas Jankauskas
1108	alena.podyacheva	Алёна Подъячева
1109	rumen.yurukov	Румен Юруков
1110	harriet.penhaligon	Harriet Penhaligon
1111	spyridon.athanasioy	Σπυρίδων Αθανασίου
1112	jedrzej.maslanka	Jędrzej Maślanka
1113	boglarka.tuzko	Tűzkő Boglárka
1114	oluwaseun.adesina	Olúwaṣeun Adéṣínà
1115	chukwuemeka.obiora	Chukwuemeka Ọbịora
1116	whetu.tawhiri	Whetū Tāwhiri
1117	spela.kocjancic	Špela Kocjančič
1118	konstantinos.mayroeidis	Κωνσταντίνος Μαυροειδής
1119	aija.niemela	Äijä Niemelä
1120	fedor.shalyapinskiy	Фёдор Шаляпинский
1121	tuulikki.paakkonen	Tuulikki Pääkkönen
1122	erika.zagarina	Ērika Žagariņa
1123	tamas.koszegi	Kőszegi Tamás
1124	alesya.kaupak	Алеся Каўпак
1125	eliska.cizkova	Eliška Čížková
1126	ionut.vladutescu	Ionuț Vlăduțescu
1127	jogvan.hovdanum	Jógvan á Høvdanum
1128	elin.haggkvist	Elin Häggkvist
1129	jelena.cholakovic	Јелена Чолаковић
1130	bjorg.romer	Bjørg Rømer
1131	giosue.cortes	Giosuè Cortès
1132	lucrezia.cantu	Lucrezia Cantù
1133	maria.hrusovska	Mária Hrušovská
1134	phu.duong	Dương Đình Phú
1135	lluis.gracia	Lluís Gràcia
1136	katarina.dzeletovic	Катарина Џелетовић
1137	zdenka.reznickova	Zdeňka Řezníčková
1138	inigo.echeverria	Íñigo Echeverría
1139	aesa.kristjansdottir	Æsa Sigríður Kristjánsdóttir
1140	madalina.serbanescu	Mădălina Șerbănescu
1141	ximena.ordonez	Ximena Ordóñez
1142	agnes.szucs	Szűcs Ágnes
1143	bardur.danjalsson	Bárður Dánjalsson
1144	snjezana.simic	Snježana Šimić
1145	zoryana.sheptitska	Зоряна Шептицька
1146	yuliya.chernyahovskaya	Юлия Черняховская
1147	gunas.mammadova	Günəş Məmmədova
1148	beatrice.oshaughnessy	Beatrice O’Shaughnessy
1149	egle.ziukaite	Eglė Žiūkaitė
1150	uxia.farina	Uxía Fariña
1151	shpetim.gjecaj	Shpëtim Gjeçaj
1152	oyvind.hakonsen	Øyvind Håkonsen
1153	anais.boeufcrepin	Anaïs Bœuf-Crépin
1154	duyen.le	Lê Hoàng Mỹ Duyên
1155	onne.parn	Õnne Pärn
1156	thordis.hallgrimsdottir	Þórdís Hallgrímsdóttir
1157	weiling.chen	Wei-Ling Chen
1158	annamaria.zacharopoyloy	Άννα-Μαρία Ζαχαροπούλου
1159	caoimhin.suilleabhain	Caoimhín Ó Súilleabháin
1160	hevi.cicek	Hêvî Çîçek
1161	maria.dimaguiba	Maria Corazón Dimaguiba
1162	emmanuel.mbargando	Emmanuel Mbarga-Ndó
1163	ifeoma.nwachukwu	Ifeọma Nwachukwu
1164	sejla.catovic	Šejla Ćatović
1165	keala.kaneohe	Keʻala Kāneʻohe
1166	nino.beridze	ნინო ბერიძე
1167	aurelie.henault	Aurélie Hénault
1168	ruzena.prochazkova	Růžena Procházková
1169	kwame.mensah	Kwame Mensah
1170	censa.bugeja	Ċensa Bugeja
1171	eluned.tymawr	Eluned Tŷ-Mawr
1172	sade.falola	Ṣadé Fálọlá
1173	vyacheslav.obedkov	Вячеслав Объедков
1174	heloise.lefevre	Héloïse Lefèvre
1175	stanislaw.cwiklinski	Stanisław Ćwikliński
1176	uladyslava.eudakimava	Ўладыслава Еўдакімава
1177	isil.kilic	Işıl Kılıç
1178	gergo.szilagyi	Szilágyi Gergő
1179	khanh.pham	Phạm Quốc Khánh
1180	malgorzata.dabrowska	Małgorzata Dąbrowska
1181	stefan.turcanu	Ștefan Țurcanu
1182	soren.kjaergaard	Søren Kjærgaard
1183	juri.oovel	Jüri Öövel
1184	friederike.bulowgroning	Friederike von Bülow-Gröning
1185	zeljko.durdevic	Željko Đurđević
1186	ifigeneia.maistrali	Ιφιγένεια Μαϊστράλη
1187	yordanka.hadzhiivanova	Йорданка Хаджииванова
1188	uladzimir.dzyadzyushka	Уладзімір Дзядзюшка
1189	illari.nahui	Illari Huamán Ñahui
1190	luisa.vilaca	Luísa Vilaça
1191	angela.canizares	Ángela Muñoz Cañizares
1192	begona.penalver	Begoña Peñalver
1193	nhung.vu	Vũ Thị Hồng Nhung
1194	seyma.yildirim	Şeyma Yıldırım
1195	pawel.grzybowski	Paweł Grzybowski
1196	wojciech.zurawski	Wojciech Żurawski
1197	titilayo.ogunleye	Títílayọ Ògúnlẹyẹ
1198	monica.brandao	Mônica Araújo Brandão
1199	omotade.akinwale	Ọmọtádé Akínwálé
1200	nusta.mamani	Ñusta Quispe Mamani
1201	raul.zuniga	Raúl Zúñiga
1202	adebayo.olayinka	Adébáyọ Ọláyínká
1203	ogiloy.shodmonova	Oʻgʻiloy Shodmonova
1204	asta.jonsdottir	Ásta Ragnheiður Jónsdóttir
1205	tome.leitao	Tomé Leitão
1206	bozena.paczkowska	Bożena Pączkowska
1207	marta.sjoberg	Märta Sjöberg
1208	siti.wibowo	Siti Nurhaliza Wibowo
1209	maria.albuquerque	Maria da Glória Fernandes de Vasconcelos e Albuquerque
1210	sigurdur.olafsson	Sigurður Ólafsson
1211	sohrat.tanryberdi	Şöhrat Taňryberdi
1212	i.suryade	I Gusti Ngurah Suryadé
1213	ludmila.tothova	Ľudmila Tóthová
1214	nikolaos.xenakis	Νικόλαος Ξενάκης
1215	paivi.ylonen	Päivi Ylönen
1216	enhtuvshin.dolgoon	Энхтүвшин Дөлгөөн
1217	zuleica.paixao	Zuleica Paixão
1218	jerome.chatelain	Jérôme Châtelain
1219	ijsbrand.ruijs	IJsbrand Ruijs
1220	jordi.sola	Jordi Cañellas i Solà
1221	priyanka.ramaswamy	Priyanka Ramaswamy
1222	zoe.fairweather	Zoë Fairweather
1223	aygozel.owezowa	Aýgözel Öwezowa
1224	desmond.achebehart	Desmond Achebe-Hart
1225	matjaz.strukelj	Matjaž Štrukelj
1226	hien.bui	Bùi Thế Hiển
1227	gulsah.ozturk	Gülşah Öztürk
1228	duong.do	Đỗ Thùy Dương
1229	maret.calliid	Máret Ánne Čálliid
1230	geertjan.noe	Geert-Jan Noë
1231	antonio.brandao	Antônio Conrado da Silva Brandão
1232	ngozi.okonkwo	Ngọzị Okónkwọ
1233	sadhbh.dhonnchadha	Sadhbh Nic Dhonnchadha
1234	aisha.alrashid	Aisha Al-Rashid
1235	mathilda.kohnlein	Mathilda Köhnlein
1236	jurgen.grosskreutz	Jürgen Großkreutz
1237	noelani.kamakawiwoole	Noelani Kamakawiwoʻole
1238	katlin.sumann	Kätlin Šumann
1239	hafthor.einarsson	Hafþór Már Einarsson
1240	zoe.garcon	Zoé Garçon
1241	koku.agbenyega	Kɔku Agbɛnyéga
1242	dodzi.ameno	Ɖoɖzi Ameŋɔ
1243	ljupcho.dzvezdanovski	Љупчо Ѕвездановски
1244	estevao.magalhaes	Estêvão Magalhães
1245	mergim.celiku	Mërgim Çeliku
1246	francoisxavier.goic	François-Xavier Le Goïc
1247	llyr.gwir	Llŷr ap Gwîr
1248	girts.berzins	Ģirts Bērziņš
1249	petr.korolev	Пётр Королёв
1250	tsvetelina.angelova	Цветелина Ангелова
1251	lyubomir.shcherev	Любомир Щерев
1252	zaneta.krzyzanowska	Żaneta Krzyżanowska
1253	bozhidar.shcepanovic	Божидар Шћепановић
1254	cagri.dogan	Çağrı Doğan
1255	tuyet.nguyen	Nguyễn Thị Ánh Tuyết
1256	ettore.papadopoli	Ettore Papadopòli
1257	nuria.puigdomenech	Núria Puigdomènech
1258	sian.gruffydd	Siân Gruffŷdd
1259	rojin.sexo	Rojîn Şêxo
1260	azuolas.simkus	Ąžuolas Šimkus
1261	lyudmila.vorobeva	Людмила Воробьёва
1262	vaino.hamalainen	Väinö Hämäläinen
1263	eyfrosyni.karaiskaki	Ευφροσύνη Καραϊσκάκη
1264	aliaga.quliyev	Əliağa Quliyev
1265	zlatka.dimitrova	Златка Димитрова
1266	zbigniew.swietochowski	Zbigniew Świętochowski
1267	iro.stefanopoyloy	Ηρώ Στεφανοπούλου
1268	ase.norregaard	Åse Nørregaard
1269	odysseas.psaroydakis	Οδυσσέας Ψαρουδάκης
1270	osten.fagelstrom	Östen Fågelström
1271	jyrki.soderstrom	Jyrki Söderström
1272	roisin.mhairtin	Róisín Ní Mháirtín
1273	mabel.entwistle	Mabel Entwistle
1274	zeppi.mifsud	Żeppi Mifsud
1275	jonathan.whitlock	Jonathan Whitlock
1276	olga.meshcheryakova	Ольга Мещерякова
1277	dzemal.hadzic	Džemal Hadžić
1278	ayodele.bamgbose	Ayọdélé Bámgbóṣé
1279	aegir.bjorgvinsson	Ægir Björgvinsson
1280	ljubitsa.djordjevic	Љубица Ђорђевић
1281	theodoros.fragkoylis	Θεόδωρος Φραγκούλης
1282	ruzica.cavlovic	Ružica Čavlović
1283	petros.lamprinidis	Πέτρος Λαμπρινίδης
1284	zawadi.kipchoge	Zawadi Kipchoge
1285	nataliya.ponomarenko	Наталія Пономаренко
1286	roxani.tzortzatoy	Ρωξάνη Τζωρτζάτου
1287	stefan.durica	Štefan Ďurica
1288	anne.dorrfuss	Änne Dörrfuß
1289	anneloes.hoff	Anneloes van ’t Hoff
1290	imogen.johnclarke	Imogen St John-Clarke
1291	rupert.blackwood	Rupert Blackwood
1292	nicola.bonta	Nicola Bontà
1293	dzemal.ciric	Џемал Ћирић
1294	chrysanthi.velissarioy	Χρυσάνθη Βελισσαρίου
1295	omer.sahin	Ömer Faruk Şahin
1296	janis.kalnins	Jānis Kalniņš
1297	matej.kucera	Matěj Kučera
1298	gediminas.udrys	Gediminas Ūdrys
1299	kiril.kjurchiev	Кирил Ќурчиев
1300	agnieszka.lecka	Agnieszka Łęcka
\.

UPDATE learning_credentials.lms_user SET email = username || '@learners.example';

-- Some accounts have the two parts of a name instead of the whole.
UPDATE learning_credentials.lms_user
   SET first_name = split_part(full_name, ' ', 1),
       last_name = split_part(full_name, ' ', 2),
       full_name = ''
 WHERE id % 10 = 0 AND full_name ~ '^\S+ \S+$';

\set navigation 'course-v1:Meridian+NAV101+2026'
\set statistics 'course-v1:Meridian+STAT120+2026'
\set path 'path-v1:Meridian+OBS+2026+open'

INSERT INTO learning_credentials.lms_context (key, display_name, certificate_name) VALUES
    (:'navigation', 'NAV101 Celestial Navigation', 'Celestial Navigation'),
    (:'statistics', 'STAT120 Reasoning with Data', E'Reasoning with Data:\nFrom Observation to Evidence'),
    (:'path', 'The Observer’s Path', '');

INSERT INTO learning_credentials.lms_path_step (path_key, course_key, position) VALUES
    (:'path', :'navigation', 1),
    (:'path', :'statistics', 2);

INSERT INTO learning_credentials.lms_grading_policy (course_key, assignment_type, weight) VALUES
    (:'navigation', 'Homework', 0.3),
    (:'navigation', 'Practical', 0.3),
    (:'navigation', 'Exam', 0.4),
    (:'statistics', 'Homework', 0.4),
    (:'statistics', 'Exam', 0.6);

-- From 0 to 1, the same for the same learner and purpose on every machine and version.
CREATE FUNCTION pg_temp.chance(user_id bigint, purpose text) RETURNS double precision
LANGUAGE sql IMMUTABLE
AS $$SELECT ('x' || left(md5(purpose || user_id), 8))::bit(32)::bigint / 4294967296.0$$;

-- Three in four take a course, two in three of those who take both follow the path; a few leave again.
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id, is_active)
SELECT c.key, u.id, pg_temp.chance(u.id, 'leaves' || c.key) > 0.04
  FROM learning_credentials.lms_user u, (VALUES (:'navigation'), (:'statistics')) AS c (key)
 WHERE pg_temp.chance(u.id, 'takes' || c.key) < 0.76;

INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
SELECT :'path', e.user_id
  FROM learning_credentials.lms_enrollment e
 GROUP BY e.user_id
HAVING count(*) = 2 AND pg_temp.chance(e.user_id, 'follows') < 0.67;

-- One in six stops early, one in six on the way, the others finish or nearly so; 48 units a course.
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent, updated_at)
SELECT e.context_key, e.user_id,
       round(48 * CASE WHEN c.fate < 0.17 THEN 0.35 * c.progress
                       WHEN c.fate < 0.34 THEN 0.35 + 0.5 * c.progress
                       ELSE least(1, 0.85 + 0.25 * c.progress) END) / 48.0,
       timestamptz '2026-05-04 09:00 UTC' + c.progress * interval '40 days'
  FROM learning_credentials.lms_enrollment e,
       LATERAL (SELECT pg_temp.chance(e.user_id, 'fate' || e.context_key),
                       pg_temp.chance(e.user_id, 'progress' || e.context_key)) AS c (fate, progress)
 WHERE e.context_key LIKE 'course-%';

-- Five pieces of homework, a practical in one course, two exams: a learner's talent, and the day's form.
-- Whoever stopped did not hand in what came later.
INSERT INTO learning_credentials.lms_subsection_grade
    (course_key, user_id, assignment_type, subsection_key, earned, possible, graded_at)
SELECT p.course_key, p.user_id, s.assignment_type, s.subsection_key,
       round(s.possible * least(1, greatest(0, 0.3 + 0.9 * t.talent
             + 0.3 * (pg_temp.chance(p.user_id, s.subsection_key || p.course_key) - 0.5)))),
       s.possible,
       timestamptz '2026-02-02 17:00 UTC' + s.week * interval '7 days'
  FROM learning_credentials.lms_course_completion p,
       LATERAL (SELECT (pg_temp.chance(p.user_id, 'talent') + pg_temp.chance(p.user_id, 'diligence')
                        + pg_temp.chance(p.user_id, 'luck' || p.course_key)) / 3) AS t (talent),
       (VALUES ('Homework', 'hw1', 20, 2), ('Homework', 'hw2', 20, 4), ('Exam', 'midterm', 40, 7),
               ('Homework', 'hw3', 20, 8), ('Homework', 'hw4', 20, 11), ('Practical', 'sextant', 50, 12),
               ('Homework', 'hw5', 20, 13), ('Exam', 'final', 60, 15))
       AS s (assignment_type, subsection_key, possible, week)
 WHERE p.percent * 16 >= s.week - 2
   AND (s.assignment_type <> 'Practical' OR p.course_key = :'navigation');

-- One learner, of one course, whose name will need a font that nobody thought of, and one whose name will
-- need room.
SELECT id AS nino FROM learning_credentials.lms_user WHERE username = 'nino.beridze' \gset
SELECT id AS maria FROM learning_credentials.lms_user WHERE username = 'maria.albuquerque' \gset
DELETE FROM learning_credentials.lms_enrollment WHERE user_id IN (:nino, :maria);
DELETE FROM learning_credentials.lms_course_completion WHERE user_id IN (:nino, :maria);
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
VALUES (:'navigation', :nino), (:'statistics', :maria);
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent, updated_at)
VALUES (:'navigation', :nino, 1, '2026-06-12 15:30 UTC'),
       (:'statistics', :maria, 1, '2026-06-13 08:10 UTC');

-- Learners whose names are in the scripts of the world, and who were diligent. Georgian is the one above.
COPY learning_credentials.lms_user (id, username, full_name) FROM stdin;
2001	anh.tuyet.nguyen	Nguyễn Thị Ánh Tuyết
2002	olajumoke.adesola	Ọlájùmọ̀kẹ́ Adéṣọlá
2003	alexandros.megas	Ἀλέξανδρος ὁ Ἀθηναῖος
2004	aleksandra.shcherbakova	Александра Щербакова
2005	aram.khachatryan	Արամ Խաչատրյան
2006	shlomit.alon	שְׁלוֹמִית אַלּוֹן
2007	mohammed.abdulrahman	محمد عبد الرحمن
2008	parisa.tehrani	پریسا تهرانی
2009	iqbal.chaudhry	محمد اقبال چودھری
2010	ahmed.manik	އަހުމަދު މަނިކު
2011	shrimati.kshatriya	श्रीमती क्षत्रिय
2012	rabindranath.thakur	রবীন্দ্রনাথ ঠাকুর
2013	mohini.shah	મોહિની શાહ
2014	subramania.bharathi	சுப்பிரமணிய பாரதி
2015	srinivasa.raju	శ్రీనివాస రాజు
2016	sri.perera	ශ්‍රියානි පෙරේරා
2017	somchai.jaidee	สมชาย ใจดี
2018	sok.channa	សុខ ចាន់ណា
2019	aung.sankyi	အောင်ဆန်းကြည်
2020	tenzin.gyatso	བསྟན་འཛིན་རྒྱ་མཚོ
2021	haile.selassie	ኃይለ ሥላሴ ተፈሪ
2022	zhang.wei	张伟
2023	chang.wei	張偉
2024	hanako.yamada	山田 花子
2025	minsu.kim	김민수
2026	mohammed.smith	Dr. محمد ٤٢ علي Smith
\.
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
SELECT :'navigation', id FROM learning_credentials.lms_user WHERE id > 2000;
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent, updated_at)
SELECT :'navigation', id, 1, '2026-06-12 16:00 UTC' FROM learning_credentials.lms_user WHERE id > 2000;

ANALYZE;
