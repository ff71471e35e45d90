/* hints_life.c - words that hint at orientation, origin, genes, biometrics, crime. Pure data.
 *
 * Read by hints.c, which says how a word is written here. A hint is no finding: statement.c judges
 * the sentence that it stands in. English, German, French, Spanish, Italian, Portuguese, Dutch,
 * Polish, Czech and Slovak, Romanian, Swedish, Danish and Norwegian, Finnish, Hungarian.
 */
#include "policy/policy.h"
#include "policy/words/hints.h"

const struct pol_hint_words pol_hints_life[] = {
    {POL_SPECIAL_ORIENTATION, 1,
     "gays|lesbian*|bisexual*|bi-curious|pansexual*|homosexual*|queer|same sex|his husband|his "
     "boyfriend|her wife|her girlfriend|trans woman|trans man|trans "
     "person|transgender*|transsexual*|transitioning|gender transition|gender reassignment|sex "
     "change|sex reassignment|came out|coming out|come out as|outed|closeted|pride march|pride "
     "parade|gay bar|grindr|drag queen|hiv prep|sexual orientation|sexual preference|sex "
     "life|affair with|extramarital|sex worker|escort agency|swinger*|civil partner|his male "
     "partner|her female partner|attracted to men|attracted to women|dates men|dates women|likes "
     "men|likes women|into men|into "
     "women|lgbt*|schwul*|lesb*|homosexuell*|bisexuell*|pansexuell*|asexuell*|transsexuell*"},
    {POL_SPECIAL_ORIENTATION, 1,
     "transfrau*|transmann*|trans-frau*|trans-mann*|geschlechtsangleich*|geschlechtsumwandl*|"
     "coming-out|geoutet|outete|outing|gleichgeschlechtlich*|eingetragene* "
     "lebenspartner*|verpartnert*|seinem mann|seinem ehemann|seinem freund|seinem "
     "lebensgefährten|sein mann|sein ehemann|sein freund|sein partner|ihre frau|ihrer frau|ihrer "
     "ehefrau|ihrer freundin|ihrer lebensgefährtin|ihre partnerin|ihrer partnerin|auf männer|auf "
     "frauen|christopher street|csd|sexuelle orientierung|sexuellen "
     "orientierung|sexualleben|sexleben|prostituiert*|homosexuel*|homo|gay|lesbienne*|lesbien*|"
     "bisexuel*|pansexuel*|asexuel*|transgenre*|transsexuel*|femme trans|homme trans|personne "
     "trans|transition de genre|changement de sexe|son homosexualité|sa "
     "bisexualité|homosexualité|même sexe|son mari|son compagnon|sa compagne|sa femme"},
    {POL_SPECIAL_ORIENTATION, 1,
     "son épouse|pacsé avec|pacsée avec|attiré par les hommes|attirée par les femmes|aime les "
     "hommes|aime les femmes|marche des fiertés|orientation sexuelle|vie "
     "sexuelle|libertin*|prostitu*|omosessual*|lesbic*|bisessual*|pansessual*|asessual*|"
     "transgender|transessual*|donna trans|uomo trans|persona trans|transizione di genere|cambio "
     "di sesso|omosessualità|stesso sesso|suo marito|suo compagno|sua moglie|sua compagna|unito "
     "civilmente|unita civilmente|unione civile|attratto dagli uomini|attratta dalle donne|gli "
     "piacciono gli uomini|le piacciono le donne|orientamento sessuale|vita "
     "sessuale|scambist*|asexual*|transgénero|transexual*|mujer trans|hombre trans|transición de "
     "género|cambio de sexo|salir del armario|salió del armario|salido del "
     "armario|homosexualidad|mismo sexo|su marido|su novio|su mujer|su novia|su esposa|le gustan "
     "los hombres|le gustan las mujeres|atraíd* por los hombres"},
    {POL_SPECIAL_ORIENTATION, 1,
     "atraída por las mujeres|desfile del orgullo|orgullo gay|orientación sexual|vida "
     "sexual|homossexua*|lésbic*|bissexua*|pansexua*|assexua*|transexua*|mulher trans|homem "
     "trans|pessoa trans|transição de género|mudança de sexo|sair do armário|saiu do "
     "armário|assumiu-se|assumiu a sua|homossexualidade|mesmo sexo|o marido dele|o namorado dele|a "
     "mulher dela|a namorada dela|a esposa dela|gosta de homens|gosta de mulheres|marcha do "
     "orgulho|orientação "
     "sexual|homoseksu*|homofiel|homo's|lesbisch*|lesbienne|biseksu*|panseksu*|aseksu*|transseksu*|"
     "transvrouw*|transman*|trans vrouw|geslachtsverander*|in transitie|uit de kast|zelfde "
     "geslacht|hetzelfde geslacht|zijn man|zijn echtgenoot|zijn vriend|haar vrouw|haar "
     "echtgenote|haar vriendin|valt op mannen|valt op vrouwen|op mannen|op vrouwen|seksuele "
     "geaardheid|seksuele voorkeur"},
    {POL_SPECIAL_ORIENTATION, 1,
     "seksuele "
     "oriëntatie|seksleven|geaardheid|homoseksual*|gej|geje*|gejow*|lesbijk*|lesbijsk*|biseksual*|"
     "panseksual*|aseksual*|transpłciow*|transseksual*|trans*kobiet*|korekt* płci|tranzycj*|zmian* "
     "płci|wyoutow*|tej samej płci|jego mąż|jego partner|swoim mężem|swoim chłopakiem|swoim "
     "partnerem|jej żona|jej partnerka|swoją żoną|swoją dziewczyną|swoją partnerką|z "
     "mężczyznami|woli mężczyzn|woli kobiety|parad* równości|marszu równości|życie seksualne|życia "
     "seksualnego|życiu "
     "intymnym|prostytu*|gayem|homosexu*|homosexuál*|bisexu*|pansexu*|asexu*|transsexu*|trans "
     "žena|trans muž|změn* pohlaví|tranzic*|vyoutov*|stejného pohlaví|rovnakého "
     "pohlavia|registrované* partnerství|registrovan* partner*|svým přítelem|svým partnerem|svým "
     "manželem|svou přítelkyní|svou partnerkou"},
    {POL_SPECIAL_ORIENTATION, 1,
     "svou manželkou|na muže|na ženy|na chlapy|orientáci*|sexuální život|pochodu pride|prague "
     "pride|lesbi*|femeie trans|bărbat trans|persoană trans|schimbare de sex|tranziție de "
     "gen|ieșit din dulap|același sex|soțul lui|iubitul lui|prietenul lui|partenerul lui|soția "
     "ei|iubita ei|prietena ei|partenera ei|îi plac bărbații|îi plac femeile|marșul "
     "pride|bucharest pride|orientarea sexuală|orientare sexuală|viața "
     "sexuală|homofil*|bøsse|homse|lesbisk*|lebb*|transkønn*|transkjønn*|transkvinn*|transkvinde*|"
     "transmand*|transperson*|könskorrig*|könsbyte*|kønsskifte*|kjønnsskifte*|kom ut*|kommit "
     "ut|komma ut*|sprang ud|sprunget ud|stå frem|sto frem|stod frem|samma kön|samme køn|samme "
     "kjønn|sin man|sin pojkvän|sin mand"},
    {POL_SPECIAL_ORIENTATION, 1,
     "sin kæreste|sin ektemann|sin kjæreste|sin fru|sin flickvän|sin hustru|sin kone|registreret "
     "partnerskab|tiltrukket af mænd|tänder på|sexuella läggning*|sexuell läggning|seksuel "
     "orientering|seksuelle orientering*|seksuell "
     "legning|läggning|sexliv*|sexköp|homomies*|lesbo*|transsuku*|transnai*|transmie*|"
     "sukupuolenkorj*|sukupuolenvaihd*|tuli ulos kaapista|kaapista|samaa "
     "sukupuolta|miesystäv*|aviomiehens*|naisystäv*|vaimonsa|seksuaali*|suuntautumi*|meleg|"
     "melegként|homoszexu*|leszbi*|biszexu*|transznem*|transznő|transzférfi|transzszexu*|nemváltó*|"
     "nemátalakít*|előbújt*|felvállalt*|azonos nemű|férjével|a barátjával|a feleségével|a "
     "barátnőjével|férfiakhoz|nőkhöz|vonzód*|szexuális*|orientáció*|bøsse*|namora com|sort avec "
     "une"},
    {POL_SPECIAL_ORIENTATION, 1,
     "sort avec un|sta con una|sta con un|sale con una chica|sale con un chico|ihop med en "
     "tjej|ihop med en kille|kæreste med en pige|kæreste med en fyr|chodzi z dziewczyną|chodzi z "
     "chłopakiem|chodí s holkou|chodí s klukem|e cu o fată|e cu un băiat|lánnyal jár|fiúval "
     "jár|has a girlfriend|has a boyfriend|hat eine freundin|hat einen freund|heeft een "
     "vriendin|heeft een vriend|lives with his boyfriend|lives with her girlfriend|mit seinem "
     "freund|mit ihrer freundin|avec son compagnon|avec sa compagne|col compagno|con il "
     "compagno|con la compagna|con su novio|con su novia|com o namorado|com a namorada|com o "
     "marido|met zijn vriend|met haar vriendin|ze swoim chłopakiem|ze swoją dziewczyną|se svým "
     "přítelem|se svou přítelkyní|med sin pojkvän|med sin flickvän|med sin kæreste|cu iubitul "
     "lui|cu iubita ei|a barátjával él|a barátnőjével él|female flatmate|partenariat|pacs*|pareja "
     "de hecho|união de facto|geregistreerd partner*|registrované "
     "partner*|partnerskab|partnerskap|élettárs*"},
    {POL_SPECIAL_ORIENTATION, 1,
     "gay*|homosex*|homosess*|homossex*|homoszex*|bisex*|bisess*|bisseks*|bissex*|biseks*|biszex*|"
     "bisexuál*|queer*|transsex*|transsess*|transex*|transpłc*|transnem*|gej*|leszb*|leszbik*|"
     "outet*|kom ut|ha fatto coming|făcut coming|před rodiči přiznal|felvállalta"},
    {POL_SPECIAL_ORIENTATION, 0,
     "his same-sex|orientacj* seksualn*|orientacj* homo*|orientacj* bi*|sexuální "
     "orientac*|sexuálnu orientác*|gay pride|pride-parad*|is bi|i'm bi|he's bi|she's bi|was bi|ist "
     "bi|bi ist|bin bi|est bi|était bi|es bi|soy bi|é bi|è bi|e bi|sunt bi|hij bi|is bi en|bi "
     "is|jest bi|jestem bi|je bi|jsem bi|är bi|er bi|bi vagyok|two blokes|two women in|two "
     "mums|two dads|two mothers|two fathers|zwei mütter|zwei väter|zwei mamas|zwei papas|deux "
     "mamans|deux papas|deux mères|deux pères|due mamme|due papà|dos madres|dos mamás|dos padres "
     "gay|duas mães|dois pais|twee moeders|twee mama's|twee vaders|dwie mamy|dwie matki"},
    {POL_SPECIAL_ORIENTATION, 0,
     "dwóch ojców|dvě mámy|dvě matky|två mammor|två pappor|to mødre|to fædre|două mame|doi "
     "tați|két anya|két apa|for a man|for another man|for a woman|für einen mann|für eine frau "
     "verlassen|pour un mec|pour un homme|pour une femme|per un uomo|por un hombre|por un tío|por "
     "um homem|voor een man|voor een vrouw|dla faceta|dla mężczyzny|kvůli chlapovi|kvůli muži|för "
     "en kille|for en fyr|for en mann|pentru un bărbat|egy pasiért|egy férfiért|sta con un "
     "ragazzo|sta con una ragazza|mit einem mann zusammen|mit einer frau zusammen|avec un "
     "homme|avec une femme|avec un garçon|con un hombre|con un chico|con una chica|com um "
     "homem|com uma mulher|com um rapaz|met een man|met een vrouw|met een jongen|z facetem|z "
     "mężczyzną|z kobietą|z chłopakiem|z dziewczyną|mym chłopakiem|moim chłopakiem|moją "
     "dziewczyną|moją żoną"},
    {POL_SPECIAL_ORIENTATION, 0,
     "s chlapem|s klukem|s holkou|moje holka|můj přítel|med en kille|med en man|med en mand|med en "
     "fyr|cu un bărbat|cu o femeie|cu un băiat|egy férfival|egy nővel|likes boys|likes girls|likes "
     "guys|mag jungs|steht auf männer|steht auf frauen|steht auf jungs|aime les garçons|aime les "
     "filles|le gustan los chicos|le gustan las chicas|gosta de rapazes|gosta de raparigas|valt "
     "op|woli chłopców|woli facetów|je na holky|je na kluky|gillar killar|gillar tjejer|til "
     "mænd|til mandfolk|til drenge|til piger|îi plac băieții|plac băieții|plac fetele|fiúkat "
     "szereti|a fiúkhoz|a lányokhoz|a férfiakhoz|in transition|is transitioning|en transition|in "
     "transizione|en transición|em transição|w trakcie tranzycji|v "
     "tranzici|könsbekräftande*|kønsbekræftende*|în tranziție|nemváltás*|identity "
     "as|deadname*|pronouns"},
    {POL_SPECIAL_ORIENTATION, 0,
     "not out|wasn't out|out at work|niet uit de kast|ma femme et moi|partner of the "
     "same|pacsés|pacsées|pacsé|pacsée|pedé|pédé|maricón|marica*|bollera|frocio|finocchio|"
     "paneleiro*|fufa|pedał*|pedal*|buzi*|buzna|buzerant*|teplouš*|poponar|flikker|pot "
     "en|mietje|kampflesbe|schwuchtel|tunte|faggot|dyke|poof|romeo|regenboog*|gay "
     "chorus|gay-|gayclub*|gayklub*|gaybar*|homobar*|bøssebar*|melegbár*|meleg*|club gay|bar "
     "gay|locale gay|klub gejowsk*|klubem gejowsk*|gay "
     "klub*|schwulenclub*|schwulenbar*|homokroeg|gay couple|hans man|hans mand|hennes fru|hendes "
     "kone"},
    {POL_SPECIAL_ORIENTATION, 0,
     "hennes kone|její žena|její manželka|jeho manžel|jeho přítel|a férjével|trans"},
    {POL_SPECIAL_ETHNIC, 1,
     "romani|gypsy|gypsies|traveller|travellers|traveler community|irish "
     "traveller*|sinti|kurd*|jewish descent|of jewish*|jewish origin|african "
     "descent|african-american|african american|afro-caribbean|black british|british asian|black "
     "woman|black man|black person|person of colour|person of color|mixed "
     "race|mixed-race|biracial|hispanic|latino|latina|asian descent|south asian|arab|arab "
     "descent|berber|tamil|uyghur*|tatar*|inuit|maori|aboriginal|native "
     "american|indigenous|armenian*|ethnic|ethnically|ethnicity|ethnic minority|ethnic "
     "background|racial*|skin colour|skin color|of turkish*|of kurdish*|of nigerian*|of "
     "moroccan*|of algerian*|of pakistani*|of indian*|of chinese*|of vietnamese*"},
    {POL_SPECIAL_ETHNIC, 1,
     "of syrian*|of ghanaian*|of somali*|of african*|of asian*|of mixed*|of "
     "roma*|descent|ancestry|parents came from|grandparents "
     "were|sinto|sintiza|sintezza|romni|zigeuner*|kurdisch*|türkischstämmig*|türkischer "
     "abstammung|türkische* wurzeln|arabischstämmig*|afrodeutsch*|schwarzer|schwarze "
     "deutsche|dunkelhäutig*|farbig*|jüdischer abstammung|jüdische* "
     "herkunft|jenisch*|sorb*|sorbin|sorbe|dänische "
     "minderheit|abstammung|stämmig*|-stämmig*|migrationshintergrund|ethnisch*|ethnie|hautfarbe|"
     "volksgruppe*|minderheit|eltern stammen "
     "aus|russlanddeutsch*|spätaussiedler*|afrikanisch*|arabisch*|vietnamesischer "
     "herkunft|roms|rrom|romanichel*|gitan*|manouche*|tsigane*|tzigane*|gens du "
     "voyage|kurde*|kabyle*|berbère*|arabe*"},
    {POL_SPECIAL_ETHNIC, 1,
     "maghrébin*|d'origine*|origines|antillais*|métis*|métisse*|peau noire|couleur de "
     "peau|asiatique*|arménien*|peul*|touareg*|séfarade*|ashkénaze*|ethnique*|appartenance "
     "ethnique|ascendance|ancêtres|parents viennent de|issu de l'immigration|issue de "
     "l'immigration|sinta|zingar*|curd*|arab*|africano|africana|di "
     "colore|meticci*|mulatt*|asiatic*|origin* etnic*|origini*|di origini*|di "
     "origine*|etnia*|colore della "
     "pelle|carnagione|discendenza*|ladin*|minoranza*|slovena|cinese*|marocchin*|senegales*|"
     "nigerian*|albanes*|romen*|romaní|árabe*|magreb*|bereber*|amazigh|afrodescend*|mulat*|mestiz*|"
     "indígena*|quechua*|aimara*|mapuche*"},
    {POL_SPECIAL_ETHNIC, 1,
     "de origen*|color de "
     "piel|ascendencia*|descendiente*|minoría*|asiátic*|cigan*|magrebin*|berbere*|mestiç*|indígen*|"
     "pardo|parda|de origem*|cor da "
     "pele|ascendência*|descendente*|raízes|minoria*|cabo-verdian*|quilombol*|koerd*|turkse*|"
     "marokkaans*|surinaams*|antilliaans*|moluks*|afkomst|van*afkomst|afstamming|wortels|"
     "migratieachtergrond|huidskleur|gekleurd*|halfbloed|indisch*|joodse "
     "afkomst|etnisch*|etniciteit|bevolkingsgroep|woonwagen*|berber*|romk*|romsk*|romów|romem|"
     "cygan*|łemk*|łemkow*|karaim*|ślązak*|ślązacz*|śląsk* narodow*|kaszub*|żydowsk* "
     "pochodz*|pochodzeni*|pochodz* z rodziny|narodowoś*|mniejszoś*|etniczn*"},
    {POL_SPECIAL_ETHNIC, 1,
     "czarnoskór*|ciemnoskór*|kolor* "
     "skóry|rasy|rasow*|azjat*|afrykań*|ukraińsk*|białorusk*|wietnamsk*|ormia*|romov*|cikán*|cigán*"
     "|židovského*|vietnamsk*|ukrajinsk*|původ*|pôvod*|kořen*|národnost*|menšin*|etnick*|etnik*|"
     "tmav* pleti|černoš*|černoch|barv* pleti|barv* kůže|moravsk*|slezsk*|maďarsk* "
     "národ*|rusín*|rromă|romă|rrom*|romi|țigan*|etnie|maghiar*|secui*|evreiesc*|evreiască|tătar*|"
     "lipovean*|origini|rădăcini|naționalit*|minorit*|de culoare|negru|culoarea "
     "pielii|aromân*|ucrainean*|romer|romani*|resande*|rejsende|reisende|zigenar*"},
    {POL_SPECIAL_ETHNIC, 1,
     "sigøjner*|sigøyner*|samer|samisk*|saami|tornedal*|kven|kvensk*|judisk "
     "härkomst|jødisk*|härkomst|herkomst|afstamning|avstamming|ursprung|baggrund|bakgrunn|bakgrund|"
     "rötter|rødder|røtter|etnisk*|hudfärg*|hudfarve*|hudfarge*|mörkhyad*|mørkhudet*|färgad|"
     "grønlandsk*|grønlænder*|inuit*|somalisk*|arabisk*|tyrkisk*|turkisk*|pakistansk*|minoritet*|"
     "mindretal*|romanei*|saamelai*|kurdi*|somali*|juutalais*|syntyperä*|alkuperä*|ihonvär*|"
     "tummaihoi*|vähemmistö*|juuret|taustai*|inkerin*|venäläistaust*|arabi*|turkkilais*|cigány*|"
     "oláh*|beás|zsidó szárm*|származás*|származású"},
    {POL_SPECIAL_ETHNIC, 1,
     "származik|nemzetiség*|kisebbség*|bőrszín*|fekete*|sváb*|afrikai*|félvér*|gyökerei*|is "
     "roma|jest romem|ist roma|est rom|of colour|of color|is "
     "black|armeni*|vietnam*|wietnam*|vietnám*|senegal*|tamil*|čínsk*|chińsk*|székely*|eskimo*|rom "
     "e|è rom|è una rom|famiglia rom|famille rom|es rom|er rom|jest romką|je rom|je romka|e "
     "rom|este rom|este romă|roma származás*|roma vagyok|roma és|roma család*|ist "
     "sinto|gitano|gitana|resande|černoch*|černošk*|svart man|svart kvinna|sort mand|fekete "
     "bőrű|sénégalais*|szenegál*|örmény*|lipovan*|szekler*|schwabe*|zipser*"},
    {POL_SPECIAL_ETHNIC, 1,
     "goan*|goa|ascendenz*|discendenz*|abstammung*|origine "
     "etnică|grönländ*|indian*|indyjsk*|chinesisch*|chinois*|cinese|kínai|armensk*|afroamer*|"
     "afrodesc*|afrodeut*|afro-*|syrian|syrisch*|syrisk*|syryjsk*|syřan*|roma|romas|romská|"
     "kinesisk*|kineser|kinez*"},
    {POL_SPECIAL_ETHNIC, 0,
     "de etnia*|di etnia|etnia gitana|etnia rom*|etnii|ethnic*|etnice|étnica|étnico|of * origin|of "
     "* descent|of * heritage|di origin*|van * afkomst|pochodzenia*|původu|pôvodu|de origine*|a "
     "roma|romani people|romką|romka|er roma|est rrom|soy gitano|soy gitana|half nigerian|half "
     "turkish|half jewish|halb*türke|as a black|ist schwarz|est noir|est noire|è nero|è nera|es "
     "negro|es negra|é negro|é negra|er sort|är svart|is zwart|zwarte|is indigenous|is sami|är "
     "same|er same|on "
     "saamelai*|skin|skóry|arméni*|örmén*|ormian*|nigeri*|nigéri*|indian|indien*|indisk*|inderin"},
    {POL_SPECIAL_ETHNIC, 0,
     "indická*|hinduska|pakistan*|paquistan*|pákistán*|marocain*|marroquí*|marroquin*|marokk*|"
     "marokań*|marok*|algeri*|algéri*|argelin*|algerijn*|tunisi*|tunesi*|tunezyj*|somal*|ghana*|"
     "sénégal*|eritre*|etiop*|ethiop*|äthiop*|éthiop*|turk*|türk*|turc*|turek|turczyn*|tureck*|"
     "tyrk*|török*|syrer*|syryj*|sirian*|sirio|szír*|afghan*|afgan*|afgán*|persian*|perser*|irán*|"
     "iraq*|irak*|lebanes*|liban*|libanon*|palestin*|palästin*|ukrain*|ukrajin*|ukrán*|gujarat*|"
     "punjab*|bengal*|sikh family|jamaic*"},
    {POL_SPECIAL_ETHNIC, 0,
     "caribbean|antill*|congol*|kongo*|cameroon*|kamerun*|camerun*|angol*|angolan*|cabo-verd*|"
     "kapverd*|philippin*|filipin*|thaïland*|chinese|chines*|chinoise*|chinois|cinesi|číňan*|"
     "chińczy*|kínai*|japan*|koreaan*|korean*|mongol*|bosni*|bośni*|albani*|kosov*|croat*|kroat*|"
     "chorwat*|roumain*|rumän*|rumun*|bulgar*|maďar*|ungar*|hungarian*|węgier*|węgr*|szekely*|"
     "schwäb* "
     "famil*|lipove*|rusin*|łemki*|łemkini*|lemk*|górol*|sorbisch*|sorbe*|friesisch*|katalan*|"
     "basque|vasco|vasca|sami people|greenland*|grønl*"},
    {POL_SPECIAL_ETHNIC, 0,
     "färöisk*|färing*|maltes*|cypriot*|kypr*|czarny|czarna|murzyn*|neger*|negro|negra|noirs|"
     "schwarze frau|schwarzer mann|dunkle haut|skin "
     "tone|migrant*|inmigrant*|immigrato|immigrata|uchodźc*|flüchtling*|my people|from the "
     "diaspora|diaspora|pavee|pikey*|bougnoule|kanak*|čmoud*|gadjo|gorja|cygańsk*|sudet*|"
     "siebenbürg*|donauschwab*|aussiedler*|półkrwi|born in|came over from|came from|emigrated "
     "from|kwam uit|kam aus|llegó de|veio de|vennero "
     "da|grandparents|großeltern|grands-parents|abuelos|nonni|avós|grootouders|dziadkow*|prarodič*|"
     "bedsteforæld*|morföräld*|farföräld*|bunici*"},
    {POL_SPECIAL_ETHNIC, 0, "nagyszül*|nero|nera|schwarz*|noir*|zwart*"},
    {POL_SPECIAL_GENETIC, 1,
     "brca*|brca|genetic*|genome|genomic*|hereditary|chromosom*|karyotype|lynch syndrome|factor v "
     "leiden|huntington gene|paternity "
     "test|23andme|ancestrydna|exome|trisomy|gendefekt*|genetisch*|genmut*|gentest*|genanaly*|"
     "erbgut*|erblich*|erbkrank*|vererb*|anlageträger*|dna-*|dns|vaterschaftstest*|"
     "abstammungsgutachten|trisomie*|génétique*|adn|héréditaire*|porteur*|porteuse*|test de "
     "paternité|caryotype|dépistage "
     "génétique|geni|ereditari*|mutazion*|portatore|portatrice|cromosom*|test di "
     "paternità|trisomia|genétic*|hereditari*|mutación*|portador*|prueba de "
     "paternidad|trisomía|hereditári*|mutação*|mutações|cromossom*|teste de "
     "paternidade|trissomia|genmutatie*"},
    {POL_SPECIAL_GENETIC, 1,
     "genoom*|erfelijk*|mutatie*|draagster|drager "
     "van|dragerschap*|chromoso*|vaderschapstest*|trisomie|genu|genów|genetyczn*|dziedziczn*|"
     "mutacj*|nosiciel*|ojcostwa|trisomi*|kariotyp*|genetick*|dědičn*|nositel*|přenašeč*|chromozom*"
     "|otcovstv*|dedičn*|ereditar*|mutați*|mutația|purtător*|purtătoare*|cromozom*|paternitate|"
     "genet*|genfejl*|arvelig*|ärftlig*|mutasjon*|bärare*|bærer*|anlægsbærer*|kromosom*|"
     "faderskabstest|faderskapstest|farskapstest|geeni*|perinnölli*|perimä*|mutaatio*|kantaja*|"
     "isyystesti*|trisomia*|genetik*|dns*|örökletes*|öröklött|öröklődő*|mutáció*|hordoz*|kromoszóm*"
     "|apasági*"},
    {POL_SPECIAL_GENETIC, 1,
     "triszómi*|biological "
     "father|halbschwester*|halbbruder*|halfzus*|halfbroer*|przyrodni*|nevlastn*|faderskab*|"
     "faderskap*|féltestvér*|apaság*|bärare|nosič*|prenatal*|fruchtwasser*|newborn "
     "screening|genotyp*|génotyp*|apoe4|myheritage|genetisk*|dna|mutation*|mutac*|mutaz*|mutaç*|"
     "mutaci*|mutaț*|mutasj*|drager*|draagster*|přenaš*|purtăt*|trisom*|trizom*|kromos*|kromosz*|"
     "down*syndrom|vaterschaft*|paternit*|paternid*|vaderschap*|ojcostw*|otcovst*|ancestry*|"
     "huntington*|lynch*|faktor v*|factor v*|facteur v|fattore v|factor de leiden|cystic "
     "fibrosis|mukoviszid*|mucovisc*|fibrosis quíst*|fibrose quíst*|fibrosi cist*|taaislijm*"},
    {POL_SPECIAL_GENETIC, 1,
     "mukowisc*|cystick*|cystisk*|fibroză "
     "chist*|cisztás*|demi-s*|demi-f*|sorellast*|fratellast*|medio "
     "herman*|medio-herman*|meia-irm*|meio-irm*|halvs*|soră vitreg*|frate "
     "vitreg*|héréditair*|dziedzicz*|örökl*|stammt "
     "von|leiblich*|pezinho|pränatal*|prénatal*|amnio*|karyotyp*|caryotyp*|genoma|genomu|genomique|"
     "genú|genü*|apoe"},
    {POL_SPECIAL_GENETIC, 0,
     "gene mutation*|gene for|gene test*|carries the*|carrier of*|carrier for|inherited*|mutation "
     "in*|a mutation|mutacji genu|mutację|mutacje|mutaci|mutace|mutație|génétique|le gène|du "
     "gène|il gene|del gene|el gen|del gen|o gene|do gene|het gen|das gen|den "
     "gen|genen|genet|ancestry kit*|ancestry test|half brother|half-brother|half "
     "sister|half-sister|half sibling*|half-sibling*|cm match|cm "
     "shared|homozyg*|homocig*|omozig*|heterozyg*|heterocig*|eterozig*|héterozyg*|isn't my dad|not "
     "my dad|not the father|not the dad|is the father|biological mother|nicht der vater|leiblicher "
     "vater|leibliche* vater|halbgeschwister*|père biologique|n'est pas le "
     "père|demi-soeur|demi-sœur"},
    {POL_SPECIAL_GENETIC, 0,
     "demi-frère|medio hermana|medio hermano|padre biológico|no es el "
     "padre|sorellastra|fratellastro|padre biologico|non è il padre|meia-irmã|meio-irmão|pai "
     "biológico|não é o pai|biologische vader|niet de vader|ojciec biologiczny|nie jest "
     "ojcem|ojcostwo|biologický "
     "otec|otcovství|halvsyst*|halvbror*|halvsysk*|halvsøst*|halvsøsk*|biologiska pappa|biologisk "
     "far|rättsgenetisk*|soră vitregă|frate vitreg|tatăl biologic|nu e tatăl|vér "
     "szerinti|familial|erbanlage*|vererbt*|porteur sain|portatore sano|portador sano|portadora "
     "sana|purtători sănătoși|both "
     "carriers|carriers|carrier|overträger*|överträger|nosiči|nosička|nosičk*|nositelk*|amniocent*|"
     "neugeborenenscreening|fenotyp*|marfan*|ehlers*|fragile x|fragil* "
     "x|duchenne*|tay-sachs|thalass*"},
    {POL_SPECIAL_GENETIC, 0,
     "talass*|talasem*|msh2|mlh1|f508del|cftr|pkd1|tp53|palb2|gaucher*|ancestry|genealog* "
     "dna|haplogrup*|gene|genes|gen|träger*"},
    {POL_SPECIAL_BIOMETRIC, 1,
     "fingerprint*|face scan|facial scan|facial recognition|face recognition|face id|retinal|palm "
     "print|palm vein|voice print|voiceprint|voice recognition|biometric*|hand "
     "geometry|thumbprint|thumb print|vein "
     "scan|keystroke|fingerabdr*|gesichtserkenn*|gesichtsscan*|gesichtsgeometrie|gesichtsbild*|"
     "netzhautscan|handvenen*|handflächen*|stimmprofil*|stimmabdruck|stimmerkennung|biometri*|"
     "daumenabdruck|empreinte*|reconnaissance faciale|reconnaissance vocale|gabarit*|scan du "
     "visage|rétine|réseau veineux|contour de la main|biométri*|impront*|riconoscimento "
     "facciale|scansione del volto|scansione dell'iride|iride|geometria della "
     "mano|huella*|reconocimiento facial|escáner facial|biométric*|biometr*|plantilla "
     "facial|dactilar*|impress* digit*|reconhecimento facial|íris|leitura facial|digital do "
     "polegar|molde facial|vingerafdruk*"},
    {POL_SPECIAL_BIOMETRIC, 1,
     "gezichtsherkenning|gezichtsscan*|irisscan*|netvlies*|handpalm*|stemafdruk|stemherkenning|"
     "odcisk*|linie papilarne|linii papilarnych|rozpoznawani* twarzy|skan* twarzy|skan* "
     "tęczów*|tęczówk*|siatkówk*|wzorzec głosu|próbk* głosu|geometri* dłoni|żył "
     "dłoni|otisk*|rozpoznáv* obličej*|rozpoznán* obličej*|sken* obličej*|sken* "
     "tváře|duhovk*|sítnic*|dlaně|hlasov* vzor*|odtlačk*|amprent*|recunoaștere "
     "facială|recunoașterea facială|scanare facială|scanarea feței|geometria "
     "feței|palmei|fingeravtryck*|fingeraftryk*|fingeravtrykk*|tumavtryck|ansiktsigenkän*|"
     "ansigtsgenkend*|ansiktsgjenkj*|ansiktsskann*|ansigtsscan*|irisskan*|näthinn*|handflat*|"
     "håndflade*|röstprofil*|røstaftryk|stemmeaftryk|sormenjäl*|kasvontunnist*|kasvojentunnist*|"
     "iiris*|iiristunnist*|silmän iiris*|verkkokalvo*|äänitunnist*"},
    {POL_SPECIAL_BIOMETRIC, 1,
     "kämmenen|ujjlenyomat*|arcfelismer*|arckép*|írisz*|retina*|tenyér*|hangminta*|turnstile|"
     "drehkreuz|tourniquet|torniquete|tornello|iris|irisul|tęczów*|handscann*|scansion*|skannad*|"
     "zeskanow*|szkennel*|escane*|scanat*|íriszem*|siatków*|gescannt*|scannad*|scannet*|skenov*|"
     "huella|huellas|impressão digital|impressões "
     "digitais|vingerafdr*|fingeravtr*|fingeraftr*|avtryck*|aftryk*|ujjlenyom*|lenyomat*|daktylo*|"
     "gesichtserk*|gesichtsscan|facciale|faciale|ansiktsig*|ansigtsg*|arcfelism*|voiceprint*|"
     "stimmabdr*|voix enreg*|palm*scan*|my finger|mein finger|meinen finger|mon doigt|mi dedo|il "
     "mio dito|mio dito|meu dedo"},
    {POL_SPECIAL_BIOMETRIC, 1,
     "mijn vinger|mojego palca|můj prst|mitt finger|min finger|degetul|ujjamat|face "
     "match|bramka|turniket|turnichet*"},
    {POL_SPECIAL_BIOMETRIC, 0,
     "iris scan*|iris-scan|iris pattern*|iris template*|retina scan*|retinal scan*|scan de "
     "l'iris|escaneo de iris|escáner de iris|leitura da íris|skan siatkówki|voice sample*|voice "
     "profile|voice-print|gait*|face template*|face "
     "geometry|faces|facial|gesicht|gesichts*|visage|volto|rostro|rosto|gezicht*|twarz*|obličej*|"
     "fața|față|facial*|ansigt*|ansikt*|arcát|arcképm*|match "
     "score|similarity|score|übereinstimmung|trefferquote|treffer|watch "
     "list|watchlist|fahndungsliste|liste noire|lista negra|lista nera|lista "
     "nieagra|enrolled|enrolment|hinterlegt|bramk*|turniket*|voice|voix|stimme|hlas*|íris*|irisem|"
     "retin*"},
    {POL_SPECIAL_BIOMETRIC, 0,
     "thumb|my print|print in|palm|hand scan|handscanning|dłoni*|dłoń|tenyere*|patrón "
     "facial|vettore facciale|vetor facial|vector "
     "facial|template|templates|schablone|sablon*|šablon*|skanu|skany|scan|scanned|scannat*|"
     "gescannt|gescand|scannet|naskenov*|firma grafometrica|signature "
     "dynamics|grafometr*|gait|passgang|ganganalyse|keystroke*|tippverhalten|tipprofil|selfie|"
     "recognised by|recognized by|erkannt|genkendt|igenkänd|identified by|ztotožn*|photo "
     "match*|lichtbild*|finger|fingers|dedo|dedos|doigt*|palec|palca|palce|prst*|deget*|duim|"
     "vinger*|tommel*|daumen"},
    {POL_SPECIAL_BIOMETRIC, 0,
     "pouce|pulgar|pollice|polegar|kciuk*|index finger|zeigefinger|index droit|index gauche|indice "
     "destro|indice sinistro|índice derecho|indicador direito|wijsvinger*|rechterwijsv*|palec "
     "wskaz*|ukazovák*|pekfinger|pegefinger|arătător*|mutatóujj*|huella "
     "de|captured|erfasst|relevé|acquisito|capturad*|recolhid*|pobrano|sejmut|registrerat|"
     "registreret|preluat|rögzít*|a voz|my face|mein gesicht|mon visage|mi cara|il mio volto|a "
     "minha cara|mijn gezicht|moja twarz|můj obličej|mitt ansikte|mit ansigt|fața mea|az "
     "arcom|visage*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "convict*|conviction*|criminal record|criminal conviction*|criminal past|criminal "
     "history|prison*|jail*|jailed|imprison*|incarcerat*|behind bars|in custody|remand*|released "
     "from prison|did time|served time|serving a*|served two|years for|months for|suspended "
     "sentence|community service|community order|probation|electronic tag|ankle "
     "monitor|sentenced*|guilty|pleaded|pled|found "
     "guilty|acquitted|indict*|arrest*|detained|accused*|suspected*|suspect in|under "
     "investigation|investigated for|prosecut*|court for|fined for|caught shoplifting|caught "
     "stealing|shoplift*|theft|stealing|stole|robbery|burglar*|embezzle*|forgery|money "
     "laundering|tax evasion|perjury|arson|assault*|gbh"},
    {POL_SPECIAL_CRIMINAL, 1,
     "manslaughter|murder*|homicide|rape|raped|sexual assault|sexual offence*|sex offender*|child "
     "abuse|domestic violence|stalking|harassment|drink-driving|drink driving|drunk "
     "driving|dui|dwi|driving under|hit-and-run|drug dealing|drug trafficking|drug "
     "offence*|dealing drugs|smuggl*|blackmail|extortion|kidnap*|hooligan*|restraining "
     "order|offender*|ex-offender|ex-con|felon*|felony|misdemeanor|misdemeanour|young "
     "offender*|dbs check|wanted "
     "by|vorbestraf*|vorstrafe*|verurteil*|straftat*|straftäter*|strafbefehl*|strafregister*|"
     "strafverfahren*|strafanzeige|ermittl*|führungszeugnis*|bundeszentralregister|haftstrafe*|"
     "inhaftiert*|gefängnis*|justizvollzug*|jva|knast|untersuchungshaft|u-haft|freigänger*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "fußfessel|bewährung*|freiheitsstrafe*|geldstrafe*|jugendstrafe*|sozialstunden|jugendarrest|"
     "angeklagt*|anklage*|beschuldigt*|tatverdächtig*|verdächtig*|verhaftet*|festgenommen*|"
     "überführt*|schuldig*|gestanden|diebstahl*|ladendiebstahl*|gestohlen|einbruch*|raub*|betrug*|"
     "betrüg*|unterschlag*|veruntreu*|untreue|urkundenfälschung|geldwäsche|steuerhinterzieh*|"
     "bestech*|meineid|brandstift*|körperverletz*|totschlag*|mord*|mörder*|vergewaltig*|"
     "sexualdelikt*|sexualstraf*|sexuell* missbrauch*|missbrauch*|kinderporno*|nötigung|häusliche* "
     "gewalt|trunkenheit*|alkohol am "
     "steuer|fahrerflucht|unfallflucht|drogenhandel*|drogenbesitz*|drogendelikt*|dealt*|"
     "betäubungsmittel*|btm*|schmuggel*|erpress*|entführ*|polizeibekannt*|einschlägig*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "aktenkundig|condamn*|casier*|peine de prison|incarcér*|détenu*|détention*|sursis|bracelet "
     "électronique|liberté conditionnelle|liberté surveillée|contrôle judiciaire|garde à vue|mis "
     "en examen|mise en examen|inculp*|prévenu*|accus*|soupçonn*|arrêté "
     "par|interpell*|poursuivi*|enquête pour|coupable*|travaux d'intérêt*|amende "
     "pour|délinqu*|récidivist*|repris de justice|fiché*|vol "
     "à|cambriol*|braquage|escroquer*|détournement*|abus de*|faux et "
     "usage|blanchiment|parjure|incendie volontaire|violences*|coups et "
     "blessures|homicide*|meurtre*|assassinat|viol|agression*|attouchement*|pédo*|harcèlement|"
     "conduite en état*|état d'ivresse|alcool au volant|délit de fuite|trafic "
     "de*|stupéfiants|détention de stup*|contrebande|chantage|extorsion"},
    {POL_SPECIAL_CRIMINAL, 1,
     "enlèvement|condann*|precedent* "
     "penal*|fedina*|casellario*|carcer*|prigion*|galera|detenut*|detenzion*|domiciliari|"
     "semilibertà|libertà vigilata|affidamento in prova|braccialetto "
     "elettronico|indagat*|imputat*|rinviat* a giudizio|processat*|a "
     "processo|patteggi*|pregiudicat*|recidiv*|colpevol*|accusat*|sospettat*|denunciat*|furto*|"
     "furti|rapina*|rubato|scippo|truffa*|frode|peculato|appropriazione indebita|falso "
     "in*|riciclaggio|evasione fiscale|falsa testimonianza|incendio "
     "doloso|lesioni*|percosse|aggression*|omicid*|assassin*|violenza sessuale|violenza "
     "domestica|stupr*|molesti*|pedo*|maltrattament*|guida in stato*|stato di ebbrezza|omissione "
     "di soccorso|spaccio*|spacciat*|stupefacenti|contrabband*|estorsion*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "ricatt*|sequestro di "
     "persona|mafi*|antecedentes*|cárcel|prisión*|preso|presa|encarcel*|penitenciar*|recluso|"
     "reclusa|ex-preso|exconvict*|libertad condicional|libertad provisional|tercer grado|pulsera "
     "telemática|detenid*|deteni*|imputad*|investigad* "
     "por|acusad*|procesad*|juzgad*|encausad*|culpable*|sospech*|denunciad*|querella*|delincuen*|"
     "reinciden*|hurto*|robó|atrac*|estafa*|malversación|apropiación "
     "indebida|falsific*|blanqueo*|evasión fiscal|soborn*|cohecho|falso "
     "testimonio|perjurio|incendi*|lesiones*|agresión*|agredi*|homicid*|asesin*|violación*|violó|"
     "abuso sexual*|abusos*|pederast*|acoso*|violencia de género|violencia doméstica|maltrat*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "alcoholemia|conducir ebri*|conducir bajo*|conducción temeraria|fuga tras*|tráfico "
     "de*|narcotráf*|estupefacientes|contraband*|extors*|chantaj*|secuestr*|orden de "
     "alejamiento|registo criminal*|registro "
     "criminal*|cadastro*|cadeia|prisão*|encarcer*|ex-recluso|ex-presidiári*|liberdade "
     "condicional|pena suspensa|pulseira eletrónica|pulseira "
     "electrónica|detid*|detenç*|arguid*|constituíd* "
     "arguid*|processad*|julgad*|culpad*|suspeit*|indiciad*|criminoso|reincid*|furtou|roubo*|"
     "roubou|assalt*|burla*|abuso de confiança|desvio de*|branqueamento*|lavagem de*|evasão "
     "fiscal|suborn*|falso testemunho|fogo "
     "posto|ofensa*|agress*|homicíd*|violação*|violou|estupr*|pedofil*|assédio|violência "
     "doméstica|perseguição|condução sob*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "álcool ao volant*|embriag*|fuga após*|chantag*|sequestr*|cumpre "
     "pena|cumpriu*|veroorde*|strafblad*|justitiële*|strafrechtelijk*|gevangenis*|gevangen*|"
     "celstraf*|gedetineerd*|ex-gedetineerd*|detentie*|voorarrest|hechtenis|taakstraf*|"
     "voorwaardelijk*|enkelband*|reclassering|tbs|verdacht*|verdenking|aangeklaagd*|beschuldigd*|"
     "aangehouden|gearresteerd*|opgepakt*|vervolgd*|bekend bij de politie|vog|geweigerde "
     "vog|dader|recidivist*|diefstal*|winkeldiefstal*|gestolen|inbra*|overval*|berov*|oplicht*|"
     "verduister*|valsheid*|witwas*|belastingontduik*|omkop*|meineed|brandsticht*|mishandel*|"
     "geweldpleg*|doodslag|moord*|verkracht*|aanrand*|zedendelict*|ontucht|belaging"},
    {POL_SPECIAL_CRIMINAL, 1,
     "huiselijk geweld|rijden onder invloed|dronken "
     "achter*|doorrijden*|drugshandel*|drugsbezit*|dealde*|dealer|smokkel*|afpers*|ontvoer*|skazan*"
     "|karan*|ukaran*|niekaran*|wyrok*|wyrokiem|więzieni*|więzień|więźni*|zakład* "
     "karn*|areszt*|aresztowan*|pozbawienia wolności|w zawieszeniu|zawiasach|dozór "
     "elektron*|dozoru elektron*|prace społeczne|grzywn*|kartotek*|krk|rejestr* "
     "karn*|zaświadczeni* o niekaralności|przeszłość "
     "kryminaln*|kryminaln*|notowan*|recydyw*|przestęps*|przestępc*|prokurat*|zarzut*|oskarż*|"
     "podejrzan*|podejrzewan*|zatrzyman*|uniewinni*|śledztw*|kradzież*|kradł*|ukradł*|włama*|"
     "rozbój*|rozboj*|rabun*|napad*|oszust*|oszuk*|wyłudz*|przywłaszcz*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "sprzeniewierz*|defraud*|fałszow*|fałszerst*|podrabia*|prani* "
     "pieniędzy|przekupst*|łapów*|fałszywe "
     "zeznania|podpale*|pobici*|pobił*|znęca*|zabójst*|zabił*|zamordow*|morders*|gwałt*|zgwałc*|"
     "molestow*|stalking*|nękani*|przemoc*|po pijanemu|pod wpływem*|nietrzeźw*|ucieczk* z "
     "miejsca|handel narkot*|handlował* narkot*|posiadani* "
     "narkot*|narkotyk*|przemyt*|szantaż*|wymusz*|porwani*|wykroczeni*|odsouzen*|odsúden*|trestán*|"
     "trestan*|rejstřík*|registra trestov|registr* "
     "trestů|vězen*|vězení|věznic*|väzen*|vazb*|vazbě|podmín*|podmienk*|náramek|obecně "
     "prospěšn*|obžalov*|obvin*|obviňov*|podezř*|podozriv*|stíhán*|stíhan*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "vyšetřov*|zadržen*|zatčen*|zatkl*|vinen|krádež*|kradl*|ukradl*|vloup*|loupež*|podvod*|podvád*"
     "|zpronevěr*|spreneveru|padělá*|falšov*|praní peněz|daňov* únik*|úplatk*|křiv* "
     "výpověď*|žhář*|ublížení*|napaden*|napadl*|vražd*|zabití|znásiln*|sexuální "
     "násil*|zneužív*|zneužit*|domácí násilí|týrán*|v opilosti|pod vlivem*|ujel "
     "od*|distribuc*|pašov*|vydír*|únos*|trestná "
     "minulost|cazier*|închiso*|închis*|pușcări*|deținut*|detenți*|arest*|arestat*|suspendare|"
     "suspendat*|eliberat condiționat|brățar*|control "
     "judiciar|acuzat*|învinuit*|cercetat*|urmărit*|trimis în judecată|vinovat*|infracțiun*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "infractor*|dosar penal|tâlhări*|jaf*|spargere|înșelăci*|escrocheri*|delapid*|spălare de "
     "bani|evaziun*|mită|mărturie "
     "mincinoasă|incendiere|lovire*|agresiun*|vătămar*|omor*|crimă|ucidere*|abuz "
     "sexual|hărțuir*|violență domestică|alcool la volan|beat la volan|sub influența*|fugă de "
     "la*|droguri*|șantaj*|răpire*|dömd*|dömts|dömdes|dømt*|domfäld*|domfellelse|straffad*|"
     "straffet*|straffedømt|ustraffet|ostraffad|belastningsregist*|straffeattest*|straffeattesten|"
     "vandelsattest|fängelse*|fengsel*|fængsel*|fängslad*|fængslet|fengslet|avtjän*|afsone*|afson*|"
     "sonet*|soner*|sonet|häkt*|häktad*|varetægts*|varetekt*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "betinget*|villkorlig*|skyddstillsyn|samhällstjänst|samfundstjeneste|samfunnsstraff|fotboja|"
     "fodlænke|fotlenke|misstänkt*|misstänks|mistænkt*|mistenkt*|åtal*|tiltal*|sigtet*|siktet*|"
     "anklag*|anhållen|anholdt|arrestert|gripen|pågreb*|pågrep*|skyldig*|erkänt|tilstod|kriminel*|"
     "kriminell*|brottsling*|forbryt*|brott*|återfalls*|stöld*|stjal*|stulit|tyveri*|tjuveri|snatt*"
     "|butikstyv*|butikktyv*|rånat|røveri*|ranet|inbrott*|indbrud*|innbrudd*|bedräg*|bedrag*|"
     "bedrageri*|förskingr*|underslæb|underslag*|förfalsk*|forfalsk*|dokumentfalsk*|penningtvätt|"
     "hvidvask|hvitvask*|skattebrott*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "skattesvig|skattesvik|mutbrott|bestikk*|mened|mordbrand|misshandel*|misshandlat|voldsdom*|"
     "vold "
     "mot|voldelig|kroppsskade|drap|mördat|myrdet|våldtäkt*|voldtægt*|voldtekt*|sexualbrott*|"
     "sædelighed*|overgreb*|overgrep*|barnporno*|kvinnofrid*|rattfyll*|rattonykt*|spirituskørsel|"
     "promillekjør*|fyllekjør*|narkotikabrott*|narkotika*|narkobrott*|narko*|langning|smugl*|"
     "utpress*|afpresning|kidnapp*|tuomit*|tuomio*|tuomittu*|rikos*|rikosre*|rikollinen|rikollis*|"
     "vankila*|vanki*|vankeu*|ehdollis*|ehdonala*|yhdyskuntapalvel*|valvontapant*|pidätet*|"
     "vangittu*|epäilty*|epäillään*|syyte*|syytetty*|syytetään|syyllis*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "sakko*|sakot|varkau*|varasta*|näpist*|ryöst*|murto*|petos*|petok*|kavallu*|väärenn*|"
     "rahanpesu*|veronkier*|veropetos|lahjo*|tuhopol*|pahoinpit*|pahoinpid*|tappo*|murha*|raiska*|"
     "seksuaaliri*|hyväksikäyt*|ahdistel*|lähestymiskiel*|perheväkiv*|rattijuo*|huumausaineri*|"
     "huumeri*|huumekau*|salakulje*|kirist*|rikostau*|elítél*|büntetett|büntetlen*|büntetés*|"
     "büntető*|bűncsel*|bűnöz*|erkölcsi "
     "bizonyítv*|priusz*|börtön*|letöltendő|felfüggeszt*|fogház*|fogvatart*|fogda|letartóztat*|"
     "őrizet*|nyomkövető|feltételesen|közmunka|gyanúsít*|gyanús*|vádlott*|vádol*|megvádol*|eljárás "
     "indult|bűnös*"},
    {POL_SPECIAL_CRIMINAL, 1,
     "lopás*|lopott|lopot*|ellopt*|rabl*|betör*|csal*|csalás*|sikkaszt*|okirathamis*|hamisít*|"
     "pénzmos*|adócsal*|veszteget*|hamis tanúz*|gyújtogat*|testi "
     "sért*|garázda*|emberöl*|gyilkos*|megölt*|erőszak*|megerőszakol*|zaklat*|ittas "
     "vezet*|ittasan|cserbenhagy*|kábítószer*|díler*|csempész*|zsarol*|emberrabl*|camello|kokain*|"
     "vechtpartij|odsiaduje|zgarnęl*|seděl*|sebral*|polisanmäl*|furat|szabadult*|feljelent*|"
     "anzeige wegen|hausarrest|huisarrest|husarrest|house arrest|arresti domiciliari|arresto "
     "domiciliario|prisão domiciliária|areszt domowy|domácí vězení|arest la domiciliu|házi "
     "őrizet*|assigné à résidence|assignée à résidence|suspended for a fight|months suspended|mesi "
     "di reclusione"},
    {POL_SPECIAL_CRIMINAL, 1,
     "anni di reclusione|ans de prison|ans ferme|mois ferme|mois avec sursis|meses de prisión|años "
     "de prisión|anos de prisão|meses de prisão|jahre haft|monate haft|jaar cel|maanden cel|lat "
     "więzienia|lata więzienia|roky vězení|let vězení|ani de închisoare|années de taule|års "
     "fängelse|års fængsel|évet ült|évre "
     "ítél*|rixa|rissa|bagarre|pelea|schlägerei|bójk*|rvačk*|bătaie|slagsmål|verekedés*|apanhei|me "
     "cayeron|zwinęl*|l-au luat|opgepakt|prenderam|han detenido|ils ont arrêté|fait arrêter|hanno "
     "arrestato|angezeigt|anzeige seiner|aangifte*|plainte de|plainte contre|denuncia "
     "de|queixa*|plângere*|zawiadomienie na|podala oznámení|trestní oznámení|anmeldt*|taking "
     "money|embezzl*|till theft|messa alla prova|rinviato"},
    {POL_SPECIAL_CRIMINAL, 1,
     "guida in "
     "stato|marihuan*|cocaïn*|koks|pusher|spacciatore|traficante|dílerk*|dealoval*|langat|langare|"
     "dossier pénal|siedzi w|siedzi na|siedzi za|odsiedział*|ült vácon|ült szegeden|ült lopás*|im "
     "knast|in haft|in u-haft|taula*|talego|trullo|gattabuia|dentro per|chirona|xadrez|bajs|nick "
     "for|inside for|HMP|JVA|condena de|cumple "
     "condena|cumplo|felfüggesztett*|felfüggesztettet|zawias*|podmínk*|villkorligt|betinget|"
     "bewährung|voorwaardelijk|condizionale|amends for|alcoolémie|alcoholtest|alcotest|drink "
     "driv*|drunk driv*|po pijaku|po alkoholu|haftbefehl|drab|drabet|drapet|furto|furtos"},
    {POL_SPECIAL_CRIMINAL, 1,
     "furtul|furată|condenad*|condena|robo|robos|tangenti|tangente pagata"},
    {POL_SPECIAL_CRIMINAL, 0,
     "fraud|convicted|drug charges|drug offences|drug offenses|drug crime*|drogue|for drugs|por "
     "droga*|por drogas|per droga|za drogy|za narkotyki|vol à*|pour vol|pour "
     "viol|stupéfiant*|bedrog|betrug|fraude fiscal|pour fraude|por fraude|penalmente|cazier "
     "judiciar|trestní*|trestné*|trestný*|trestnou*|crimes|crimen|crimine|delito|delitos|reato|"
     "reati|charged with|charges against|charge of|faces charges|facing "
     "charges|suspectat*|sentence|sentenced|possession|steroid "
     "dealing|vold|voldelig*|voldtek*|bribe*|corrupt*|sądu|gericht|tribunal|tribunale|court|nicked "
     "for|nicked by|nicked|done for|sent down"},
    {POL_SPECIAL_CRIMINAL, 0,
     "did months|did years|did eleven months|did two years|hmp|young offenders|drink-driv*|over "
     "the limit|police took|picked up by the police|polizei abgeholt|von der "
     "polizei|durchsuchung*|hausdurchsuchung*|gesessen|sitzt ein|saß "
     "ein|eingebuchtet|abgesessen|eingesperrt|garde-à-vue|correctionnelle|six mois "
     "ferme|tôle|taulard*|taule|juge d'instruction|perquisition*|violences conjugales|piqué "
     "dans|pris dans la "
     "caisse|dealing|dealen|trapiche*|farlopa|coca|hachís|marihuana|cannabis|cocaïne|cocaine|"
     "cocaína|kokain|le han pillado|lo han pillado|lo detuvieron|la detuvieron|calabozo|régimen "
     "abierto|cis de|juzgado|procesado|maltrato*|denuncia por|querella por|questura|in "
     "questura|spaccio|spacciava|agli arresti"},
    {POL_SPECIAL_CRIMINAL, 0,
     "denunciato per|denunciata per|querelato|patteggiato|esquadra|pj|buscas|pulseira|na cela|in "
     "de cel|vastgehouden|opgesloten|bureau halt|boeien|stelen|gejat|in verzekering|rechter|zat "
     "vast|zit vast|vrijgekomen|wykrocz*|dołek|na "
     "dołku|siedzi|siedział*|odsiedzi*|odsiedział|kradzi*|ukrad*|okrad*|zatrzymal*|policja "
     "zabrał*|dilerk*|dilow*|diler*|odseděl*|sebrali|zavřeli|zavřel*|kriminál*|policajt*|policie "
     "obviněn*|odcizil*|udeřil*|ohrožování|výtržnic*|dealov*|satt inne|sitter "
     "inne|suttit|kåken|anstalt*|åkte dit|åkt dit|greps|sidder inde|sad inde|siddet inde|spjældet"},
    {POL_SPECIAL_CRIMINAL, 0,
     "mandatsvig|børneattest*|tyv|tyveknægt|hælervarer|hæleri|häleri|hehlerei|recel|ricettaz*|"
     "receptación|paserst*|podílnictv*|tăinuire|orgazda*|gherlă|reținut|reținută|tulburarea "
     "ordinii|ordonanț*|poliția|furt|a furat|am furat|denunț*|plângere "
     "penală|ült|ültem|ülök|börtönv*|szabadultam|rendőr*|elvittek|elvitték|gyanúsítottként|"
     "kihallgat*|loptam|betört*|betöréses|stole from|stolen|geklaut|klauen|klaute|volé|ha "
     "rubato|rubare|rubat*|robé|robar|robado|roubei|roubar|gestal|stjäl*|snatta*|strafanzeige*|"
     "anzeige|restraining|blockade*"},
    {POL_SPECIAL_CRIMINAL, 0,
     "vandalism*|vandalizm*|graffiti|sachbeschädig*|schwarzfahr*|fare "
     "dod*|fined|geldbuße|amende|boete|mandat "
     "karny|pokut*|böter|amendă|bírság*|counterfeit*|falschgeld*|steuerhinterz*|insider "
     "trad*|embezz*|skimmed|phishing|betrog*|hochstap*|braccialetto|obrączk*|stato dentro|stata "
     "dentro|vast gezeten|vastgezeten|ankle tag|on "
     "tag|nyomkövető*|fußfessel*|bracelet|pulsera|suttit inne|siedział za|seděl za|ült azért|a "
     "stat la închisoare|estuvo preso|esteve preso|fait de la prison|eight months|oito meses|ocho "
     "meses|otto mesi|huit mois|elvitt*|de tog|mitgenommen|abgeholt|shit|gras|CIS"},
};
const size_t pol_hints_life_n = sizeof(pol_hints_life) / sizeof(pol_hints_life[0]);
